//! Parameters of a file: `params:` declares them with their defaults, whoever
//! uses the file may give other values, and `${param:NAME}` puts them in.
//!
//! A value is put in as if it had been written in its place, so it is read as
//! what that place asks for; what is wrong with it is said of where it stands,
//! in the file of whoever gave it. Nobody but its own file sees a parameter.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use super::context::Context;
use super::mask;
use super::problem::{Place, quote};
use super::reader::Map;
use super::scalar;
use super::substitute;
use super::suggest;
use super::tree::{Entry, Kind, Node, Scalar};

/// What a parameter's value is, for messages.
const EXPECTED: &str = "a number or text";
/// A word of whoever uses a pack, which therefore is no parameter's name.
pub const DISABLE: &str = "disable";

/// The parameters of one file, while it is read.
#[derive(Default)]
pub struct Params {
    /// How the file is called by whoever uses it.
    what: String,
    /// What that one gives: names and values.
    given: Vec<Entry>,
    /// Set where `params:` stands in the file.
    declared: OnceCell<Vec<Param>>,
}

/// One parameter with the value that it has here.
pub struct Param {
    name: Rc<str>,
    declared_at: Place,
    value: Rc<Node>,
    given: bool,
    used: Cell<bool>,
}

impl Param {
    /// Where its value stands, if that is another file's.
    pub fn given_at(&self) -> Option<Place> {
        self.given.then_some(self.value.place)
    }

    /// Where its value stands.
    pub fn place(&self) -> Place {
        self.value.place
    }

    /// Its value.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.value.kind {
            Kind::Scalar(scalar) => Some(scalar),
            Kind::List(_) | Kind::Map(_) => None,
        }
    }
}

impl Params {
    /// Those of a file that is used, called `what`, by somebody who gives `values`.
    pub fn given(what: String, values: Vec<Entry>) -> Self {
        Self {
            what,
            given: values,
            declared: OnceCell::new(),
        }
    }

    /// Takes in the file's section `params:`.
    pub fn declare(&self, context: &Context<'_>, section: &Node) {
        if section.is_null() {
            return;
        }
        let Some(map) = Map::of(context, section, "`params`") else {
            // nothing is known of what it meant to declare
            context.unreadable();
            return;
        };
        let params = map.entries().iter();
        let params = params
            .filter_map(|entry| self.one(context, entry))
            .collect();
        // a key stands once in a map, so this is the first
        let _ = self.declared.set(params);
    }

    fn one(&self, context: &Context<'_>, entry: &Entry) -> Option<Param> {
        let shown = mask::key(&entry.key, entry.value.is_null());
        if !substitute::is_name(&entry.key) || &*entry.key == DISABLE {
            let hint = "letters, digits and `_`, such as `prefix`; `disable` is taken";
            context.error(
                entry.place,
                format!("{shown} cannot be the name of a parameter"),
                hint,
            );
            return None;
        }
        let name = format!("{shown} of `params`");
        scalar::text(context, &entry.value, &name, EXPECTED)?;
        let given = self.given.iter().find(|given| given.key == entry.key);
        let usable = given.and_then(|given| {
            let name = format!("{shown} of {}", self.what);
            scalar::text(context, &given.value, &name, EXPECTED)?;
            Some(Rc::clone(&given.value))
        });
        let given = usable.is_some();
        let value = usable.unwrap_or_else(|| Rc::clone(&entry.value));
        context.mark_value(value.place);
        Some(Param {
            name: Rc::clone(&entry.key),
            declared_at: entry.place,
            value,
            given,
            used: Cell::new(false),
        })
    }

    /// The parameter `name`, for `${param:NAME}`.
    ///
    /// # Errors
    /// What is wrong, and what to write.
    pub fn get(&self, name: &str) -> Result<&Param, (String, String)> {
        let known = self.declared.get().map(Vec::as_slice);
        if let Some(param) = known.and_then(|known| known.iter().find(|param| &*param.name == name))
        {
            param.used.set(true);
            return Ok(param);
        }
        let message = format!("there is no parameter {}", quote(name));
        let hint = match known {
            Some(known) => suggest::hint(name, known.iter().map(|param| &*param.name), "parameters"),
            None => "`params:` declares parameters and stands at the top of the file that uses them, before this: `params: {prefix: servers.*}`".to_owned(),
        };
        Err((message, hint))
    }

    /// Reports what was given or declared in vain; called when the whole file was read.
    pub fn finish(&self, context: &Context<'_>) {
        let declared = self.declared.get().map(Vec::as_slice).unwrap_or_default();
        for param in declared.iter().filter(|param| !param.used.get()) {
            let name = &param.name;
            context.error(
                param.declared_at,
                format!("nothing in this file uses the parameter `{name}`"),
                format!("write `${{param:{name}}}` where it belongs, or take it out"),
            );
        }
        for given in &self.given {
            if !declared.iter().any(|param| param.name == given.key) {
                let names = declared.iter().map(|param| &*param.name);
                let hint = suggest::hint(&given.key, names.chain([DISABLE]), "parameters");
                let shown = mask::key(&given.key, given.value.is_null());
                context.error(
                    given.place,
                    format!("{} has no parameter {shown}", self.what),
                    hint,
                );
            }
        }
    }
}
