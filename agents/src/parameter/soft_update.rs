//! Polyak averaging of dense parameters.

use std::collections::HashSet;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use burn::tensor::container::TensorContainer;

/// `target ← τ · online + (1 − τ) · target`, parameter by parameter; what is no parameter (a value that is annealed) is copied.
///
/// `target` is a clone of an earlier `online` outside autodiff ([`Module::valid`]), so the two share parameter ids.
pub fn soft_update<M: Module>(target: M, online: &M, tau: f64) -> M {
    let mut values = OnlineValues { values: TensorContainer::new(), buffers: HashSet::new() };
    online.visit(&mut values);
    target.map(&mut Average { online: values, tau })
}

struct OnlineValues {
    values: TensorContainer<ParamId>,
    buffers: HashSet<ParamId>,
}

impl ModuleVisitor for OnlineValues {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.val().is_require_grad() {
            self.buffers.insert(param.id);
        }
        self.values.register(param.id, param.val().inner());
    }
}

struct Average {
    online: OnlineValues,
    tau: f64,
}

impl ModuleMapper for Average {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let online = self
            .online
            .values
            .remove::<Tensor<D>>(&param.id)
            .expect("a target network is a clone of its online network");
        let tau = if self.online.buffers.contains(&param.id) { 1.0 } else { self.tau };
        param.map(|target| online * tau + target * (1.0 - tau))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameter::host;
    use burn::nn::Linear;
    use burn::tensor::Device;

    #[test]
    fn soft_update_of_dense_parameters_by_hand() {
        let device = Device::default().autodiff();
        let online =
            Linear { weight: Param::from_tensor(Tensor::from_floats([[10.0], [20.0]], &device)), bias: None };
        let start = Linear {
            weight: Param::initialized(online.weight.id, Tensor::from_floats([[0.0], [-10.0]], &device)),
            bias: None,
        };
        let once = soft_update(start.valid(), &online, 0.2);
        assert_eq!(host(once.weight.val()), [2.0, -4.0]);
        let twice = soft_update(once, &online, 0.2);
        // 0.2 · 10 + 0.8 · 2 and 0.2 · 20 + 0.8 · (−4)
        for (found, expected) in host(twice.weight.val()).iter().zip([3.6, 0.8]) {
            assert!((found - expected).abs() < 1e-6, "{found} against {expected}");
        }
        assert!(!twice.weight.val().device().is_autodiff());
    }

    #[test]
    fn what_is_no_parameter_is_copied() {
        let device = Device::default().autodiff();
        let of = |gamma: f32| Tensor::<1>::from_floats([gamma], &device).set_require_grad(false);
        let start = Param::initialized(Default::default(), of(10.0));
        let online = Param::initialized(start.id, of(0.5));
        assert_eq!(host(soft_update(start.valid(), &online, 0.2).val()), [0.5]);
    }
}
