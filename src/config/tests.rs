use super::*;
use rmtl_agents::interaction::Cross;
use rmtl_agents::policy::Exploration;
use rmtl_agents::policy::exploration::actor_noise;
use rmtl_envs::{CategoricalField, NumericField, Task};

const MINIMAL: &str = "
[data]
dataset = \"data.toml\"
[backbone.esmm]
[weighting.critic]
";

fn read(text: &str, overrides: &[&str]) -> Result<RunFile, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.toml");
    std::fs::write(&path, text).unwrap();
    let overrides: Vec<Override> = overrides.iter().map(|text| text.parse().unwrap()).collect();
    RunFile::read(&path, &overrides)
}

fn message(text: &str, overrides: &[&str]) -> String {
    read(text, overrides).unwrap_err().to_string()
}

fn schema(chain: bool) -> Schema {
    Schema::of_ids(&[("user", 4)], &[("click", None), ("buy", chain.then_some("click"))])
}

#[test]
fn a_minimal_file_has_the_papers_defaults() {
    let file = read(MINIMAL, &[]).unwrap();
    assert_eq!((file.seed, file.batch_size, file.encoder.dim), (1, 2048, 128));
    assert_eq!((file.critic.gamma, file.critic.tau), (0.95, 0.2));
    assert!(file.data.dataset.ends_with("data.toml") && file.data.dataset.is_absolute());
    file.check(&schema(true)).unwrap();
}

#[test]
fn the_resolved_file_reads_back_the_same() {
    let file = read(MINIMAL, &["critic.dim=8", "losses.dependence.sigma=0.5"]).unwrap();
    assert_eq!(read(&file.to_toml().unwrap(), &[]).unwrap(), file);
}

#[test]
fn a_typo_gets_its_line_and_the_nearest_key_at_every_depth() {
    for (text, typo, meant) in [
        ("sed = 1\n[data]\ndataset = \"d\"\n[backbone.esmm]\n[weighting.equal]", "sed", "seed"),
        ("[data]\ndataset = \"d\"\n[backbone.emm]\n[weighting.equal]", "emm", "esmm"),
        ("[data]\ndataset = \"d\"\n[backbone.esmm]\ndropuot = 0.1\n[weighting.equal]", "dropuot", "dropout"),
        (
            "[data]\ndataset = \"d\"\n[backbone.esmm]\n[weighting.equal]\n[replay]\ncapacty = 1",
            "capacty",
            "capacity",
        ),
    ] {
        let found = message(text, &[]);
        let line = 1 + text.lines().position(|line| line.contains(typo)).unwrap();
        assert!(found.contains(&format!("run.toml:{line}:")), "{found}");
        assert!(found.contains(&format!("`{typo}` (did you mean `{meant}`?)")), "{found}");
    }
}

#[test]
fn overrides_set_deep_keys_and_replace_choices() {
    let file =
        read(MINIMAL, &["backbone.mmoe.n_experts=4", "weighting.critic.lambda=0.3", "seed=9"]).unwrap();
    assert!(matches!(&file.backbone, BackboneConfig::Mmoe(mmoe) if mmoe.n_experts == 4));
    assert!(matches!(&file.weighting, WeightingConfig::Critic(critic) if critic.lambda == 0.3));
    assert_eq!(file.seed, 9);
    assert_eq!(read(MINIMAL, &["device=flex"]).unwrap().device, "flex");
}

#[test]
fn an_override_replaces_whatever_choice_was_made() {
    let stop =
        |text: &str, set: &str| read(text, &[set]).unwrap_or_else(|error| panic!("{error}")).early_stop;
    let file = read(MINIMAL, &["early_stop.task=buy"]).unwrap();
    let resolved = file.to_toml().unwrap();
    assert_eq!(file.early_stop, EarlyStop::Task("buy".into()));
    assert_eq!(stop(&read(MINIMAL, &[]).unwrap().to_toml().unwrap(), "early_stop.task=buy"), file.early_stop);
    assert_eq!(stop(&resolved, "early_stop.weighted=[1,2]"), EarlyStop::Weighted(vec![1.0, 2.0]));
    assert_eq!(stop(&resolved, "early_stop=minimum"), EarlyStop::Minimum);
    let uniform = read(MINIMAL, &["schedule.two_stage.collect.policy=uniform"]).unwrap().to_toml().unwrap();
    assert!(uniform.contains("policy = \"uniform\"\n"), "{uniform}");
    let policy = "schedule.two_stage.collect.policy.actor_noise.standard_deviation=0.2";
    let expected = actor_noise::Config { standard_deviation: 0.2 };
    assert_eq!(
        read(&uniform, &[policy]).unwrap().schedule.collect().policy,
        Exploration::ActorNoise(expected)
    );
    let found = message(MINIMAL, &["schedule.two_stage.collect.policy=unifrm"]);
    assert!(found.contains("`unifrm` (did you mean `uniform`?)"), "{found}");
}

#[test]
fn numbers_are_read_as_people_write_them() {
    for (text, expected) in [(".001", 0.001), ("1.", 1.0), (".5e1", 5.0), ("-.5", -0.5), ("+1.e-3", 0.001)] {
        let item: Override = format!("x={text}").parse().unwrap();
        assert_eq!(item, format!("x={expected:?}").parse().unwrap(), "{text}");
    }
    let rate = |text: &str| {
        read(MINIMAL, &[&format!("optimizer.learning_rate={text}")]).unwrap().optimizer.learning_rate
    };
    assert_eq!((rate(".001"), rate("1.")), (0.001, 1.0));
    let clip = read(MINIMAL, &["weights.clip=[.5, 2.]"]).unwrap().weights.clip;
    assert_eq!(clip, Some([0.5, 2.0]));
    for text in ["v1.5", "runs/a.b", "1.2.3", "..", "data.toml"] {
        assert_eq!(
            format!("x={text}").parse::<Override>(),
            format!("x={text:?}").parse(),
            "{text} stays a text"
        );
    }
}

#[test]
fn a_bare_key_is_told_the_full_one() {
    for (set, expected) in [
        ("lambda=0.3", "did you mean `weighting.critic.lambda`"),
        ("learning_rate=0.3", "`optimizer.learning_rate`"),
        ("critc.gamma=0.3", "did you mean `critic.gamma`"),
        ("xyzzy=1", "rmtl list keys"),
    ] {
        let found = message(MINIMAL, &[set]);
        assert!(found.contains(expected), "{set}: {found}");
    }
}

#[test]
fn an_override_with_a_typo_names_itself() {
    let found = message(MINIMAL, &["weighting.critic.lamda=0.3"]);
    assert!(
        found.contains("--set weighting.critic.lamda=0.3")
            && found.contains("did you mean `weighting.critic.lambda`"),
        "{found}"
    );
    // serde's own words for these are of no help.
    for (set, expected) in [
        ("schedule=joint", "write `name = {}`"),
        ("schedule={}", "exactly one choice, found none"),
        ("schedule={joint={}, two_stage={}}", "found several; keep one"),
        ("replay=3", "expected a table of settings"),
    ] {
        let found = message(MINIMAL, &[set]);
        assert!(
            found.contains(expected) && found.contains("--set schedule") | found.contains("--set replay"),
            "{found}"
        );
    }
    let found = message(MINIMAL, &["seed.x=1"]);
    assert!(found.contains("seed"), "{found}");
    assert!("seed".parse::<Override>().unwrap_err().to_string().contains("key=value"));
    assert!("=1".parse::<Override>().is_err() && "a..b=1".parse::<Override>().is_err());
}

#[test]
fn values_that_cannot_work_are_refused_with_their_section() {
    let refused =
        |overrides: &[&str]| read(MINIMAL, overrides).unwrap().check(&schema(true)).unwrap_err().to_string();
    for (key, section) in [
        ("batch_size=0", "batch_size"),
        ("encoder.dim=0", "encoder"),
        ("backbone.esmm.bottom=[]", "backbone.esmm"),
        ("backbone.esmm.dropout=1.0", "backbone.esmm"),
        ("weighting.critic.lambda=-1e7", "weighting.critic"),
        ("critic.tau=0.0", "critic"),
        ("critic.gamma=1.5", "critic"),
        ("optimizer.learning_rate=0.0", "optimizer.learning_rate"),
        ("replay.capacity=0", "replay"),
        ("schedule.two_stage.collect.n_lanes=0", "schedule.two_stage"),
        ("schedule.joint.critic_steps=0", "schedule.joint"),
        ("schedule.joint.n_lanes=0", "schedule.joint"),
        ("schedule.joint.training.patience=0", "schedule.joint"),
        (
            "schedule.two_stage.collect.policy.ornstein_uhlenbeck={reversion=2.0, standard_deviation=0.1}",
            "schedule",
        ),
        ("replay.prioritized={beta=2.0}", "replay"),
        ("critic.smoothing={clip=-1.0}", "critic"),
        ("critic.alarm_share=2.0", "critic"),
        ("schedule.two_stage.critics.soft_update_every=0", "schedule"),
        ("schedule.two_stage.critics.window=0", "schedule"),
        ("schedule.two_stage.weighted.patience=0", "schedule"),
        ("critic.dim=0", "critic"),
        ("encoder.optimizer.adam.beta_1=1.5", "encoder.optimizer"),
        ("optimizer={method={sgd={}}, moments=\"per_task\"}", "optimizer"),
        ("optimizer={method=\"adagrad\", moments=\"unweighted\"}", "optimizer"),
        ("weighting.graddrop.leak=1.5", "weighting.graddrop"),
        ("weighting.moco.beta=0.0", "weighting.moco"),
        ("weighting.moco.rho=-1.0", "weighting.moco"),
        ("weighting.excess_mtl.epsilon=0.0", "weighting.excess_mtl"),
        ("critic.learning_rate=1e-60", "critic.learning_rate"),
        ("losses.dependence.sigma=nan", "losses.dependence"),
        ("log.every=0", "log"),
        ("weights.clip=[0, 0]", "weights"),
    ] {
        let found = refused(&[key]);
        assert!(found.starts_with(&format!("[{section}")), "{key}: {found}");
    }
}

#[test]
fn what_needs_a_chain_is_refused_without_one() {
    let found = read(MINIMAL, &[]).unwrap().check(&schema(false)).unwrap_err().to_string();
    assert!(found.contains("esmm") && found.contains("after"), "{found}");
    let file = read(MINIMAL, &["backbone.shared_bottom.dropout=0.1", "losses.calibrator.alpha=0.6"]).unwrap();
    assert!(file.check(&schema(false)).unwrap_err().to_string().contains("calibrator"));
}

#[test]
fn combinations_that_make_no_sense_are_refused_with_the_reason() {
    let refused =
        |overrides: &[&str]| read(MINIMAL, overrides).unwrap().check(&schema(true)).unwrap_err().to_string();
    let prioritized = "replay.prioritized={}";
    for (overrides, reason) in [
        (&[prioritized, "replay.resample_actions=true"][..], "a redrawn action has another"),
        (&["backbone.single_task={}", "optimizer.moments=per_task"], "`single_task` shares nothing"),
        (&["backbone.single_task={}", "weighting.graddrop={}"], "`single_task` shares nothing"),
        (
            &[
                "replay.resample_actions=true",
                "schedule.two_stage.collect.policy.ornstein_uhlenbeck={reversion=0.1, standard_deviation=0.1}",
            ],
            "wanders along a session",
        ),
        (
            &["weighting.critic={placebo=\"permute\", granularity=\"task\"}"],
            "a mean over the batch stays the same",
        ),
        (&["weighting.critic.placebo=permute", "batch_size=1"], "the weights of another row"),
        (&["weighting.equal={}", "losses.behaviour_cloning={}"], "there are none"),
        (
            &["losses.behaviour_cloning={}", "schedule.joint.training.start_from=scratch"],
            "there is none to start from",
        ),
    ] {
        let found = refused(overrides);
        assert!(found.contains(reason), "{overrides:?}: {found}");
    }
}

#[test]
fn losses_of_weight_zero_make_sense_with_a_policy_gradient_alone() {
    let constant = ["weighting.constant={weights=[0.0, 0.0]}"];
    let found = read(MINIMAL, &constant).unwrap().check(&schema(true)).unwrap_err().to_string();
    assert!(found.contains("nothing would be learnt"), "{found}");
    let with_gradient = ["weighting.constant={weights=[0.0, 0.0]}", "losses.policy_gradient={}"];
    read(MINIMAL, &with_gradient).unwrap().check(&schema(true)).unwrap();
}

#[test]
fn every_shipped_run_file_can_be_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let folders = ["", "kuairand", "planted", "retailrocket"].map(|folder| root.join(folder));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let files =
        files.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "toml"));
    let mut n_files = 0;
    for path in files {
        let file = RunFile::read(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
        let mut schema = schema(true);
        let dataset = rmtl_ingest::DatasetFile::read(&file.data.dataset).unwrap();
        for index in schema.tasks.len()..dataset.tasks.len() {
            schema.tasks.push(Task {
                name: format!("further{index}"),
                after: Some("buy".into()),
                number: None,
            });
        }
        schema.numeric.extend(dataset.numeric.into_iter().map(|name| NumericField {
            name,
            mean: 0.0,
            standard_deviation: 1.0,
        }));
        file.check(&schema).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(file.data.dataset.is_file(), "{}: {}", path.display(), file.data.dataset.display());
        n_files += 1;
    }
    assert!(n_files >= 12, "{n_files}");
}

#[test]
fn an_interaction_is_a_name_or_a_table_and_must_fit_the_fields() {
    let file = read(MINIMAL, &[]).unwrap();
    assert_eq!(file.interaction, InteractionConfig::None);
    assert!(file.to_toml().unwrap().contains("interaction = \"none\""));
    let cross = |n_layers, rank| InteractionConfig::Cross(Cross { n_layers, rank });
    for (text, set, expected) in [
        ("interaction = \"fm\"", &[][..], InteractionConfig::Fm),
        ("interaction = \"cross\"", &[], cross(2, None)),
        ("interaction = \"fm\"", &["interaction.cross.rank=4"], cross(2, Some(4))),
        ("interaction.cross.n_layers = 3", &["interaction.cross.rank=4"], cross(3, Some(4))),
        ("interaction.cross.n_layers = 3", &["interaction=fm"], InteractionConfig::Fm),
    ] {
        let file = read(&format!("{text}\n{MINIMAL}"), set).unwrap();
        assert_eq!(file.interaction, expected, "{text} {set:?}");
        assert_eq!(read(&file.to_toml().unwrap(), &[]).unwrap(), file);
        file.check(&schema(true)).unwrap();
    }
    let found = message(&format!("interaction = \"corss\"\n{MINIMAL}"), &[]);
    assert!(found.contains("run.toml:1") && found.contains("did you mean `cross`?"), "{found}");
    // One field of 128.
    let narrow = read(MINIMAL, &["interaction.cross.rank=129"]).unwrap();
    let found = narrow.check(&schema(true)).unwrap_err().to_string();
    assert!(found.contains("[interaction]") && found.contains("from 1 to 128"), "{found}");
}

#[test]
fn more_ids_than_a_table_can_number_are_refused() {
    let field =
        |name: &str| CategoricalField { name: name.into(), vocabulary_size: 3_000_000_000, n_values: 1 };
    let file = read(MINIMAL, &[]).unwrap();
    let one = Schema { categorical: vec![field("user")], ..schema(true) };
    file.check(&one).unwrap();
    let two = Schema { categorical: vec![field("user"), field("item")], ..schema(true) };
    let found = file.check(&two).unwrap_err().to_string();
    assert!(found.contains("6000000000 ids") && found.contains("`hash_buckets`"), "{found}");
}

#[test]
fn a_policys_path_starts_at_the_file_that_names_it_and_a_typed_one_at_the_working_directory() {
    let text = MINIMAL.replace("[weighting.critic]", "[weighting.controller]\npolicy = \"p.safetensors\"\n");
    let policy = |text: &str, overrides: &[&str]| {
        read(text, overrides).unwrap().weighting.policy().expect("it has one").to_owned()
    };
    for overrides in
        [&[][..], &["weighting.controller.bound=2.0"], &["schedule.two_stage.collect.policy=uniform"]]
    {
        let found = policy(&text, overrides);
        assert!(found.is_absolute() && found.ends_with("p.safetensors"), "{overrides:?}: {found:?}");
    }
    let typed = ["weighting.controller.policy=\"q\"", "weighting.critic={tasks={controller={policy=\"q\"}}}"];
    for of in typed {
        assert_eq!(policy(&text, &[of]), Path::new("q"));
        let within = of.parse::<Override>().unwrap().within(Path::new("/study"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        std::fs::write(&path, &text).unwrap();
        let read = RunFile::read(&path, &[within]).unwrap();
        assert_eq!(read.weighting.policy(), Some(Path::new("/study/q")));
    }
    let other = "weighting.controller.base=\"policy\"".parse::<Override>().unwrap();
    assert_eq!(other.clone().within(Path::new("/study")), other);
}
