//! Parameters by name, for checkpoints, exports and copies. No files here: who calls decides where they go.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use thiserror::Error;

use crate::parameter::host;

/// Values of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Sizes, outermost first.
    pub shape: Vec<usize>,
    /// Row-major values.
    pub values: Vec<f32>,
}

/// Parameters by their path in the module tree, in the order of their names.
pub type NamedTensors = BTreeMap<String, NamedTensor>;

/// Parameters that do not fit the network they are loaded into.
#[derive(Debug, Error, PartialEq)]
pub enum ParameterError {
    /// A parameter of the network is not among the loaded ones.
    #[error("parameter `{name}` is missing; the file was written by another backbone or another version")]
    Missing {
        /// Its path.
        name: String,
    },
    /// A parameter has another shape.
    #[error(
        "parameter `{name}`: expected shape {expected:?}, found {found:?}; the settings differ from the saved ones"
    )]
    Shape {
        /// Its path.
        name: String,
        /// The network's shape.
        expected: Vec<usize>,
        /// The loaded shape.
        found: Vec<usize>,
    },
}

/// Adds every parameter of `module` to `into`, its path prefixed with `prefix`.
pub fn collect<M: Module>(module: &M, prefix: &str, into: &mut NamedTensors) {
    module.visit(&mut Collector { path: vec![prefix.to_owned()], into });
}

/// `module` with the values of `from` under `prefix`.
pub fn restore<M: Module>(module: M, prefix: &str, from: &NamedTensors) -> Result<M, ParameterError> {
    let mut restorer = Restorer { path: vec![prefix.to_owned()], from, error: None };
    let module = module.map(&mut restorer);
    restorer.error.map_or(Ok(module), Err)
}

/// The values called `name`, checked against the expected shape.
pub fn values<'a>(
    from: &'a NamedTensors,
    name: &str,
    expected: &[usize],
) -> Result<&'a [f32], ParameterError> {
    let tensor = from.get(name).ok_or_else(|| ParameterError::Missing { name: name.to_owned() })?;
    if tensor.shape != expected {
        let (expected, found) = (expected.to_vec(), tensor.shape.clone());
        return Err(ParameterError::Shape { name: name.to_owned(), expected, found });
    }
    Ok(&tensor.values)
}

/// Number of trainable parameters of a module whose gradients are tracked; buffers do not count.
pub fn n_parameters<M: Module>(module: &M) -> usize {
    struct Count(usize);
    impl ModuleVisitor for Count {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.val().is_require_grad() {
                self.0 += param.val().shape().num_elements();
            }
        }
    }
    let mut count = Count(0);
    module.visit(&mut count);
    count.0
}

struct Collector<'a> {
    path: Vec<String>,
    into: &'a mut NamedTensors,
}

impl ModuleVisitor for Collector<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        let tensor = NamedTensor { shape: value.dims().to_vec(), values: host(value) };
        self.into.insert(self.path.join("."), tensor);
    }
}

struct Restorer<'a> {
    path: Vec<String>,
    from: &'a NamedTensors,
    error: Option<ParameterError>,
}

impl ModuleMapper for Restorer<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.val().dims();
        match values(self.from, &self.path.join("."), &shape) {
            Ok(values) => {
                let data = TensorData::new(values.to_vec(), shape);
                param.map(|old| {
                    let tracked = old.is_require_grad();
                    Tensor::from_data(data, &old.device()).set_require_grad(tracked)
                })
            }
            Err(error) => {
                self.error.get_or_insert(error);
                param
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::linear;
    use crate::stream::Streams;
    use burn::tensor::Device;

    #[test]
    fn a_round_trip_keeps_every_value_and_the_gradient_setting() {
        let device = Device::default().autodiff();
        let source = linear(3, 2, &mut Streams::new(1).named("a"), &device);
        let mut saved = NamedTensors::new();
        collect(&source, "net", &mut saved);
        assert_eq!(saved.keys().collect::<Vec<_>>(), ["net.bias", "net.weight"]);

        let other = linear(3, 2, &mut Streams::new(2).named("a"), &device);
        let restored = restore(other, "net", &saved).unwrap();
        let mut again = NamedTensors::new();
        collect(&restored, "net", &mut again);
        assert_eq!(again, saved);
        assert!(restored.weight.val().is_require_grad());
    }

    #[test]
    fn a_wrong_shape_and_a_missing_name_are_refused() {
        let device = Device::default();
        let mut saved = NamedTensors::new();
        collect(&linear(3, 2, &mut Streams::new(1).named("a"), &device), "net", &mut saved);
        let wider = linear(4, 2, &mut Streams::new(1).named("a"), &device);
        assert!(matches!(restore(wider.clone(), "net", &saved), Err(ParameterError::Shape { .. })));
        assert!(matches!(restore(wider, "other", &saved), Err(ParameterError::Missing { .. })));
    }
}
