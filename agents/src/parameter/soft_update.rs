//! Polyak averaging of dense parameters.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use burn::tensor::container::TensorContainer;

/// `target ← τ · online + (1 − τ) · target`, parameter by parameter.
///
/// `target` is a clone of an earlier `online` outside autodiff ([`Module::valid`]), so the two share parameter ids.
pub fn soft_update<M: Module>(target: M, online: &M, tau: f64) -> M {
    let mut values = OnlineValues { values: TensorContainer::new() };
    online.visit(&mut values);
    target.map(&mut Average { online: values.values, tau })
}

struct OnlineValues {
    values: TensorContainer<ParamId>,
}

impl ModuleVisitor for OnlineValues {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.values.register(param.id, param.val().inner());
    }
}

struct Average {
    online: TensorContainer<ParamId>,
    tau: f64,
}

impl ModuleMapper for Average {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let online = self
            .online
            .remove::<Tensor<D>>(&param.id)
            .expect("a target network is a clone of its online network");
        param.map(|target| online * self.tau + target * (1.0 - self.tau))
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
}
