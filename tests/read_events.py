"""Reads a folder of event files with TensorBoard's own package and prints what its dashboards get, as JSON."""

import json
import re
import sys

from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util

accumulator = plugin_event_accumulator.EventAccumulator(sys.argv[1], size_guidance={"tensors": 0})
accumulator.Reload()
scalars, descriptions = {}, {}
for tag in accumulator.Tags()["tensors"]:
    metadata = accumulator.SummaryMetadata(tag)
    if metadata.plugin_data.plugin_name == "scalars":
        events = accumulator.Tensors(tag)
        scalars[tag] = [[event.step, tensor_util.make_ndarray(event.tensor_proto).item()] for event in events]
        descriptions[tag] = metadata.summary_description

config = accumulator.Tensors("custom_scalars__config__")[0].tensor_proto
layout = layout_pb2.Layout.FromString(tensor_util.make_ndarray(config).item())
charts = {}
for chart in layout.category[0].chart:
    expressions = chart.multiline.tag
    charts[chart.title] = sorted(tag for tag in scalars if any(re.match(one, tag) for one in expressions))

content = accumulator.PluginTagToContent("hparams")["_hparams_/session_start_info"]
session = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
hparams = {key: getattr(value, value.WhichOneof("kind")) for key, value in session.hparams.items()}

print(json.dumps({"scalars": scalars, "descriptions": descriptions, "charts": charts, "hparams": hparams}))
