//! burn's visitors and mappers of modules as objects: a parameter goes through as [`Any`] and is met again by its rank.

use std::any::Any;

use burn::module::{ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Bool, Int, Tensor};

/// burn's visitor as an object: parameters of any kind and rank.
pub(super) trait AnyVisitor {
    fn enter(&mut self, name: &str, container: &str);
    fn exit(&mut self, name: &str, container: &str);
    fn visit(&mut self, param: &dyn Any);
}

/// burn's mapper as an object: parameters of any kind and rank, as `Option<Param<_>>`, which it may take and put back.
pub(super) trait AnyMapper {
    fn enter(&mut self, name: &str, container: &str);
    fn exit(&mut self, name: &str, container: &str);
    fn map(&mut self, param: &mut dyn Any);
}

/// From burn's generic calls to an object's.
pub(super) struct Ranked<'a, T: ?Sized>(pub(super) &'a mut T);

/// From an object's calls to burn's generic ones.
pub(super) struct Unranked<'a, T>(pub(super) &'a mut T);

impl ModuleVisitor for Ranked<'_, dyn AnyVisitor + '_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.0.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.0.exit(name, container_type);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.visit(param);
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.0.visit(param);
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<D, Bool>>) {
        self.0.visit(param);
    }
}

impl ModuleMapper for Ranked<'_, dyn AnyMapper + '_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.0.enter(name, container_type);
    }

    fn exit_module(&mut self, name: &str, container_type: &str) {
        self.0.exit(name, container_type);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        mapped(self.0, param)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        mapped(self.0, param)
    }

    fn map_bool<const D: usize>(&mut self, param: Param<Tensor<D, Bool>>) -> Param<Tensor<D, Bool>> {
        mapped(self.0, param)
    }
}

fn mapped<P: 'static>(mapper: &mut dyn AnyMapper, param: P) -> P {
    let mut held = Some(param);
    mapper.map(&mut held);
    held.expect("a mapper puts back what it takes")
}

impl<V: ModuleVisitor> AnyVisitor for Unranked<'_, V> {
    fn enter(&mut self, name: &str, container: &str) {
        self.0.enter_module(name, container);
    }

    fn exit(&mut self, name: &str, container: &str) {
        self.0.exit_module(name, container);
    }

    fn visit(&mut self, param: &dyn Any) {
        macro_rules! ranks {
            ($($rank:literal)+) => {$(
                if let Some(param) = param.downcast_ref::<Param<Tensor<$rank>>>() {
                    return self.0.visit_float(param);
                }
                if let Some(param) = param.downcast_ref::<Param<Tensor<$rank, Int>>>() {
                    return self.0.visit_int(param);
                }
                if let Some(param) = param.downcast_ref::<Param<Tensor<$rank, Bool>>>() {
                    return self.0.visit_bool(param);
                }
            )+};
        }
        ranks!(1 2 3 4 5 6);
        panic!("a parameter of a backbone has at most 6 dimensions");
    }
}

impl<M: ModuleMapper> AnyMapper for Unranked<'_, M> {
    fn enter(&mut self, name: &str, container: &str) {
        self.0.enter_module(name, container);
    }

    fn exit(&mut self, name: &str, container: &str) {
        self.0.exit_module(name, container);
    }

    fn map(&mut self, param: &mut dyn Any) {
        macro_rules! ranks {
            ($($rank:literal)+) => {$(
                if let Some(held) = param.downcast_mut::<Option<Param<Tensor<$rank>>>>() {
                    *held = held.take().map(|param| self.0.map_float(param));
                    return;
                }
                if let Some(held) = param.downcast_mut::<Option<Param<Tensor<$rank, Int>>>>() {
                    *held = held.take().map(|param| self.0.map_int(param));
                    return;
                }
                if let Some(held) = param.downcast_mut::<Option<Param<Tensor<$rank, Bool>>>>() {
                    *held = held.take().map(|param| self.0.map_bool(param));
                    return;
                }
            )+};
        }
        ranks!(1 2 3 4 5 6);
        panic!("a parameter of a backbone has at most 6 dimensions");
    }
}
