//! Settings by task: `[negative_rates]`, `[number_losses]` and `local_tasks`.

use std::collections::BTreeMap;

use rmtl_envs::{NumberLoss, Schema, Task};

/// Why these rates cannot work for these tasks, in words for the author of the run file.
pub(super) fn check_rates(rates: &BTreeMap<String, f64>, schema: &Schema) -> Result<(), String> {
    for (name, &rate) in rates {
        if known(name, schema)?.number.is_some() {
            return Err(format!("the label of `{name}` is a number, which has no negatives; leave it out"));
        }
        if !(rate > 0.0 && rate <= 1.0) {
            return Err(format!(
                "`{name}` is the share of its negatives that is kept, in (0, 1]; found {rate}"
            ));
        }
    }
    Ok(())
}

/// The same of losses.
pub(super) fn check_losses(losses: &BTreeMap<String, NumberLoss>, schema: &Schema) -> Result<(), String> {
    for (name, loss) in losses {
        if known(name, schema)?.number.is_none() {
            return Err(format!(
                "the label of `{name}` is 0 or 1, and its loss the cross-entropy; for a number declare `kind = \"number\"` in the \
                 dataset file's task"
            ));
        }
        loss.check().map_err(|message| format!("`{name}`: {message}"))?;
    }
    Ok(())
}

/// The same of local tasks.
pub(super) fn check_local(names: &[String], schema: &Schema) -> Result<(), String> {
    for (index, name) in names.iter().enumerate() {
        if known(name, schema)?.after.is_none() {
            return Err(format!(
                "`{name}` depends on no task, so there are no rows where that happened; leave it out, or give it \
                 `after` in the dataset file"
            ));
        }
        if names[..index].contains(name) {
            return Err(format!("`{name}` is named twice; name every task once"));
        }
    }
    Ok(())
}

fn known<'a>(name: &str, schema: &'a Schema) -> Result<&'a Task, String> {
    schema.tasks.iter().find(|task| task.name == name).ok_or_else(|| {
        let names: Vec<&str> = schema.tasks.iter().map(|task| task.name.as_str()).collect();
        format!("no task is called `{name}`; there are {}", names.join(", "))
    })
}
