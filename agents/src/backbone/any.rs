//! Any backbone as an object, of this crate or of another, so that an actor can hold the one that a run file names.

use std::fmt;

use burn::module::{
    Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor, ParamId,
};
use burn::tensor::{Device, Tensor};

mod by_rank;

use by_rank::{AnyMapper, AnyVisitor, Ranked, Unranked};

use super::{Backbone, Predictions};
use crate::pass::Pass;
use crate::progress::{Annealed, Progress};

/// The network of any backbone.
///
/// burn's `Module` cannot be an object, since its visitors are generic over the rank of a tensor; `by_rank` leads them
/// through.
#[derive(Debug)]
pub struct AnyBackbone {
    /// Part of the names of its parameters.
    name: String,
    model: Box<dyn AnyModel>,
}

impl AnyBackbone {
    /// The network of the backbone `name`.
    pub(super) fn named<M: Backbone + Module + Sync + 'static>(name: &str, model: M) -> Self {
        // As a variant of an enum is written: `shared_bottom` is SharedBottom in the names of saved parameters.
        let capitalised = |word: &str| word[..1].to_uppercase() + &word[1..];
        let name = name.split('_').filter(|word| !word.is_empty()).map(capitalised).collect();
        Self { name, model: Box::new(model) }
    }

    fn moved(self, how: Move<'_>) -> Self {
        Self { model: self.model.moved(how), ..self }
    }
}

impl Clone for AnyBackbone {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), model: self.model.boxed() }
    }
}

impl Backbone for AnyBackbone {
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
        self.model.forward(views, pass)
    }

    fn for_prediction(self) -> Self {
        Self { model: self.model.for_prediction(), ..self }
    }

    fn shared(&self) -> Vec<ParamId> {
        self.model.shared()
    }

    fn after_step(&mut self, progress: Progress) {
        self.model.after_step(progress);
    }

    fn annealed(&self) -> Vec<Annealed> {
        self.model.annealed()
    }
}

/// [`Backbone`] and burn's `Module` as an object; implemented by whatever is both.
trait AnyModel: fmt::Debug + Send + Sync {
    fn boxed(&self) -> Box<dyn AnyModel>;
    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions;
    fn for_prediction(self: Box<Self>) -> Box<dyn AnyModel>;
    fn shared(&self) -> Vec<ParamId>;
    fn after_step(&mut self, progress: Progress);
    fn annealed(&self) -> Vec<Annealed>;
    fn collect_devices(&self, devices: Devices) -> Devices;
    fn moved(self: Box<Self>, how: Move<'_>) -> Box<dyn AnyModel>;
    fn valid(&self) -> Box<dyn AnyModel>;
    fn visit(&self, visitor: &mut dyn AnyVisitor);
    fn map(self: Box<Self>, mapper: &mut dyn AnyMapper) -> Box<dyn AnyModel>;
}

/// What turns a whole module into another state.
#[derive(Clone, Copy)]
enum Move<'a> {
    Fork(&'a Device),
    To(&'a Device),
    Train,
    Materialize,
}

impl<M: Backbone + Module + Sync + 'static> AnyModel for M {
    fn boxed(&self) -> Box<dyn AnyModel> {
        Box::new(self.clone())
    }

    fn forward(&self, views: &[Tensor<3>], pass: &mut Pass<'_>) -> Predictions {
        Backbone::forward(self, views, pass)
    }

    fn for_prediction(self: Box<Self>) -> Box<dyn AnyModel> {
        Box::new(Backbone::for_prediction(*self))
    }

    fn shared(&self) -> Vec<ParamId> {
        Backbone::shared(self)
    }

    fn after_step(&mut self, progress: Progress) {
        Backbone::after_step(self, progress);
    }

    fn annealed(&self) -> Vec<Annealed> {
        Backbone::annealed(self)
    }

    fn collect_devices(&self, devices: Devices) -> Devices {
        Module::collect_devices(self, devices)
    }

    fn moved(self: Box<Self>, how: Move<'_>) -> Box<dyn AnyModel> {
        Box::new(match how {
            Move::Fork(device) => self.fork(device),
            Move::To(device) => self.to_device(device),
            Move::Train => self.train(),
            Move::Materialize => self.materialize(),
        })
    }

    fn valid(&self) -> Box<dyn AnyModel> {
        Box::new(Module::valid(self))
    }

    fn visit(&self, visitor: &mut dyn AnyVisitor) {
        Module::visit(self, &mut Ranked(visitor));
    }

    fn map(self: Box<Self>, mapper: &mut dyn AnyMapper) -> Box<dyn AnyModel> {
        Box::new(Module::map(*self, &mut Ranked(mapper)))
    }
}

impl Module for AnyBackbone {
    fn collect_devices(&self, devices: Devices) -> Devices {
        self.model.collect_devices(devices)
    }

    fn fork(self, device: &Device) -> Self {
        self.moved(Move::Fork(device))
    }

    fn to_device(self, device: &Device) -> Self {
        self.moved(Move::To(device))
    }

    fn train(self) -> Self {
        self.moved(Move::Train)
    }

    fn materialize(self) -> Self {
        self.moved(Move::Materialize)
    }

    fn valid(&self) -> Self {
        Self { name: self.name.clone(), model: self.model.valid() }
    }

    fn visit<Visitor: ModuleVisitor>(&self, visitor: &mut Visitor) {
        visitor.enter_module(&self.name, CONTAINER);
        self.model.visit(&mut Unranked(visitor));
        visitor.exit_module(&self.name, CONTAINER);
    }

    fn map<Mapper: ModuleMapper>(self, mapper: &mut Mapper) -> Self {
        mapper.enter_module(&self.name, CONTAINER);
        let model = self.model.map(&mut Unranked(mapper));
        mapper.exit_module(&self.name, CONTAINER);
        Self { model, ..self }
    }
}

impl ModuleDisplayDefault for AnyBackbone {
    fn content(&self, content: Content) -> Option<Content> {
        content.add_formatted(&self.name).optional()
    }
}

impl ModuleDisplay for AnyBackbone {}

/// What burn calls the kind of module.
const CONTAINER: &str = "Backbone";

#[cfg(test)]
mod tests;
