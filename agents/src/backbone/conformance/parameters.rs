//! How many parameters every backbone has.

use super::*;

/// Dense parameters with 2 tasks and `n_fields` fields of `dim`, one of them the projection of `n_numeric` columns,
/// which every view has its own of.
fn count(config: BackboneConfig, [n_fields, n_numeric, dim]: [usize; 3]) -> usize {
    let input = Input::unnamed(n_fields, dim, &[None, Some(0)]);
    n_parameters(&init(&config, &input, 1)) + config.views(2).len() * (n_numeric + 1) * dim
}

#[test]
fn parameter_counts_match_the_reference() {
    use crate::backbone::{mmoe, omoe, ple};
    use BackboneConfig::{Aitm, Esmm, Mmoe, Omoe, Ple, SharedBottom, SingleTask};
    let large = [8, 1, 128];
    assert_eq!(count(SingleTask(Default::default()), large), 1_395_202);
    assert_eq!(count(SharedBottom(Default::default()), large), 738_818);
    assert_eq!(count(Esmm(Default::default()), large), 1_394_946);
    assert_eq!(count(Omoe(Default::default()), large), 5_339_914);
    assert_eq!(count(Mmoe(Default::default()), large), 5_348_114);
    // The reference holds a shared gate in the last level that nothing reads: 513 · 12.
    assert_eq!(count(Ple(Default::default()), large), 7_999_290 - 6_156);
    assert_eq!(count(Aitm(Default::default()), large), 1_658_114);

    let small = [8, 1, 16];
    let four = ple::Config { n_specific_experts: 2, n_shared_experts: 2, ..Default::default() };
    assert_eq!(count(SingleTask(Default::default()), small), 477_250);
    assert_eq!(count(SharedBottom(Default::default()), small), 279_842);
    assert_eq!(count(Esmm(Default::default()), small), 477_218);
    assert_eq!(count(Omoe(omoe::Config { n_experts: 4, ..Default::default() }), small), 872_486);
    assert_eq!(count(Mmoe(mmoe::Config { n_experts: 4, ..Default::default() }), small), 873_002);
    assert_eq!(count(Ple(four), small), 1_275_710 - 513 * 6);
    assert_eq!(count(Aitm(Default::default()), small), 740_386);

    let three_numeric = [6, 3, 32];
    assert_eq!(count(SingleTask(Default::default()), three_numeric), 542_978);
    assert_eq!(count(SharedBottom(Default::default()), three_numeric), 312_706);
    assert_eq!(count(Omoe(Default::default()), three_numeric), 1_925_258);
    assert_eq!(count(Mmoe(Default::default()), three_numeric), 1_926_802);
    assert_eq!(count(Ple(Default::default()), three_numeric), 2_864_058 - 6_156);
    assert_eq!(count(Aitm(Default::default()), three_numeric), 806_018);
}

/// The counts in the module documentation, with their derivation.
#[test]
fn parameter_counts_match_the_derivations() {
    use crate::backbone::{apem, bpcm, escm2};
    use BackboneConfig::{Apem, Bpcm, Escm2};
    let dr = escm2::Config { mode: escm2::Mode::Dr, ..Default::default() };
    // A bottom 1024–512–256 and a tower 128–64–1; two of them, and one more to impute.
    let head = 1025 * 512 + 513 * 256 + 257 * 128 + 129 * 64 + 65;
    assert_eq!(count(Escm2(Default::default()), [8, 1, 128]), 2 * head + 256);
    assert_eq!(count(Escm2(dr), [8, 1, 128]), 3 * head + 256);

    // The paper's sizes over 8 fields of 18.
    let tower = 19 * 128 + 129 * 64 + 65;
    let attention = 3 * 18 * 18 + 2 * 18;
    let first = (8 * 18 * 64 + 64) + (64 * 64 + 64);
    let later = (64 * 18 * 64 + 64) + (64 * 64 + 64);
    let layers = first + 3 * later + 4 * (64 * 18 + 2 * 18 + 2 * attention);
    assert_eq!(count(Apem(Default::default()), [8, 1, 18]), layers + 2 * tower + 2 * 18);
    assert_eq!(layers + 2 * tower, 281_618);
    let plain = apem::Config { asrg: false, ..Default::default() };
    let layers = 4 * (18 * 18 + 2 * 18 + 2 * attention);
    assert_eq!(count(Apem(plain), [8, 1, 18]), layers + 2 * tower + 2 * 18);
    let unselected = apem::Config { selection: false, ..Default::default() };
    let layers = 4 * (64 * 18 + 2 * 18 + 2 * attention);
    assert_eq!(count(Apem(unselected), [8, 1, 18]), layers + 2 * tower + 2 * 18);
    let pooled = apem::Config { ps: false, ..Default::default() };
    let layers = first + 3 * later + 4 * (64 * 18 + attention);
    assert_eq!(count(Apem(pooled), [8, 1, 18]), layers + 2 * tower + 2 * 18);

    let d = 128;
    let tower = 1025 * 128 + 129 * 64 + 65;
    let feature_tower = 3 * d * d + 2 * (d * d + d) + 2 * d * d;
    let transfer = 3 * d * d + 2 * d;
    let both = bpcm::Config { transfer: bpcm::Sources::Both, ..Default::default() };
    for config in [Default::default(), both] {
        assert_eq!(count(Bpcm(config), [8, 1, 128]), 2 * (feature_tower + tower) + transfer + 256);
    }
    let large = [8, 1, 128];
    let views = |n: usize| n * 256;
    // As the same networks have them in tests/golden/backbones.py.
    assert_eq!(count(BackboneConfig::Stem(Default::default()), large), 4_298_894 + views(3));
    assert_eq!(count(BackboneConfig::Pepnet(Default::default()), large), 3_102_722 + views(1));
    assert_eq!(count(BackboneConfig::Adatt(Default::default()), large), 3_383_587 + views(1));
}
