//! Migrations are read into the library when it is compiled: a new one asks for a new build.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
