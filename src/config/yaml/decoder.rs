//! A serde `Deserializer` over nodes.
//!
//! Promised: every failure carries the way to the node it arose at, those of a custom `Deserialize` too, since each
//! level adds its step while the failure passes through. Nodes that `report` has taken away are not seen.

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error as _, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
        value::BorrowedStrDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{
    Entry, Kind, Node, Place,
    failure::{Failure, Found, Reason, one_of},
};

pub(super) struct Decoder<'de>(pub(super) &'de Node);

impl Decoder<'_> {
    /// Itself, or for a stand-in a value of the kind that is asked for, so that decoding goes on.
    fn or(self, harmless: &'static Node) -> Self {
        if matches!(self.0.kind, Kind::StandIn) { Self(harmless) } else { self }
    }
}

/// Methods that ask for one kind of value.
macro_rules! kinds {
    ($($method:ident: $harmless:ident,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.or(&$harmless).deserialize_any(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Decoder<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.0.kind {
            Kind::Null | Kind::StandIn => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Unsigned(value) => visitor.visit_u64(*value),
            Kind::Signed(value) => visitor.visit_i64(*value),
            Kind::Float(value) => visitor.visit_f64(*value),
            Kind::Text(value) => visitor.visit_borrowed_str(value),
            Kind::List(items) => list(items, visitor),
            Kind::Map(entries) => visitor.visit_map(Entries { entries, next: 0 }),
        }
    }

    kinds! {
        deserialize_bool: FALSE,
        deserialize_u8: ZERO, deserialize_u16: ZERO, deserialize_u32: ZERO, deserialize_u64: ZERO, deserialize_u128: ZERO,
        deserialize_i8: ZERO, deserialize_i16: ZERO, deserialize_i32: ZERO, deserialize_i64: ZERO, deserialize_i128: ZERO,
        deserialize_f32: ZERO, deserialize_f64: ZERO,
        deserialize_seq: EMPTY_LIST,
        deserialize_map: EMPTY_MAP,
    }

    forward_to_deserialize_any! { char bytes byte_buf unit identifier ignored_any }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.0.loose {
            Some(text) => visitor.visit_borrowed_str(text),
            None => self.or(&EMPTY_TEXT).deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.0.kind {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_any(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    /// A derived struct would take a list of its fields in order, too, which nobody means in a configuration.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        match self.0.kind {
            Kind::List(_) => Err(Failure::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_map(visitor),
        }
    }

    /// A variant is text, or a map whose one key names it.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let unfit = || Err(Failure::new(Reason::Type { found: Found::from(self.0), expected: one_of(variants) }));
        match &self.0.kind {
            Kind::Text(name) => visitor.visit_enum(Variant { name, content: None }),
            Kind::StandIn => match variants.first() {
                Some(name) => visitor.visit_enum(Variant { name, content: None }),
                None => unfit(),
            },
            Kind::Map(entries) => {
                let mut present = entries.iter().enumerate().filter(|(_, entry)| entry.value.is_present());
                match (present.next(), present.next()) {
                    (Some((step, Entry { name, value, .. })), None) => {
                        visitor.visit_enum(Variant { name, content: Some((step, value)) })
                    }
                    _ => Err(Failure::custom(format_args!("expected {} as the only key", one_of(variants)))),
                }
            }
            _ => unfit(),
        }
    }
}

fn list<'de, V: Visitor<'de>>(items: &'de [Node], visitor: V) -> Result<V::Value, Failure> {
    let mut access = Items { items, next: 0 };
    let value = visitor.visit_seq(&mut access)?;
    // A tuple takes as many as it has and asks no further.
    match access.skip_to_present() {
        None => Ok(value),
        Some(_) => Err(Failure::custom(format_args!("the list is too long: {} elements are expected", access.next))),
    }
}

struct Items<'de> {
    items: &'de [Node],
    next: usize,
}

impl<'de> Items<'de> {
    fn skip_to_present(&mut self) -> Option<&'de Node> {
        let ahead = self.items.get(self.next..)?;
        self.next += ahead.iter().position(Node::is_present)?;
        self.items.get(self.next)
    }
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        let Some(item) = self.skip_to_present() else {
            return Ok(None);
        };
        let step = self.next;
        self.next += 1;
        seed.deserialize(Decoder(item)).map(Some).map_err(|failure| failure.below(step))
    }
}

struct Entries<'de> {
    entries: &'de [Entry],
    /// The entry whose key is read next; while a value is due, its entry.
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        while self.entries.get(self.next).is_some_and(|entry| !entry.value.is_present()) {
            self.next += 1;
        }
        let Some(entry) = self.entries.get(self.next) else {
            return Ok(None);
        };
        seed.deserialize(Key(&entry.name)).map(Some).map_err(|failure| failure.at_key(self.next))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        let step = self.next;
        let Some(entry) = self.entries.get(step) else {
            return Err(Failure::custom("a value was asked for before its key"));
        };
        self.next += 1;
        seed.deserialize(Decoder(&entry.value)).map_err(|failure| failure.below(step))
    }
}

/// A key, which is text always.
struct Key<'de>(&'de str);

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.0))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Variant<'de> {
    name: &'de str,
    /// What stands below the name, with its position, if the variant is written as a map.
    content: Option<(usize, &'de Node)>,
}

impl<'de> Variant<'de> {
    fn content<T>(self, decode: impl FnOnce(Decoder<'de>) -> Result<T, Failure>) -> Result<T, Failure> {
        match self.content {
            Some((step, node)) => decode(Decoder(node)).map_err(|failure| failure.below(step)),
            None => Err(Failure::custom(format_args!(
                "`{0}` needs more: write it as the key of a map, `{0}: …`",
                self.name
            ))),
        }
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Failure> {
        match (seed.deserialize(Key(self.name)), self.content) {
            (Ok(value), _) => Ok((value, self)),
            (Err(failure), Some((step, _))) => Err(failure.at_key(step)),
            (Err(failure), None) => Err(failure),
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        match self.content {
            None | Some((_, Node { kind: Kind::Null, .. })) => Ok(()),
            Some((step, _)) => Err(Failure::custom(format_args!("`{}` takes nothing below it", self.name)).below(step)),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Failure> {
        self.content(|decoder| seed.deserialize(decoder))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Failure> {
        self.content(|decoder| decoder.deserialize_tuple(length, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Failure> {
        self.content(|decoder| decoder.deserialize_struct("", fields, visitor))
    }
}

static FALSE: Node = Node::new(Kind::Bool(false), Place::Whole);
static ZERO: Node = Node::new(Kind::Unsigned(0), Place::Whole);
static EMPTY_TEXT: Node = Node::new(Kind::Text(String::new()), Place::Whole);
static EMPTY_LIST: Node = Node::new(Kind::List(Vec::new()), Place::Whole);
static EMPTY_MAP: Node = Node::new(Kind::Map(Vec::new()), Place::Whole);
