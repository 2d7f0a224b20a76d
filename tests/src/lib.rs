//! End-to-end tests of the binaries; see the files beside this one.
