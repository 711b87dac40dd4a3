//! Calls from Rust to Python code.

use std::{mem, thread};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Calls an object that may be written in Python.
///
/// When the interpreter exits, up to Python 3.13, it ends a thread that is in the middle of Python code by unwinding its
/// stack. Our part of the stack must not be unwound: it would drop objects without holding the interpreter, and crash. So
/// such a thread stays here for ever.
pub(crate) fn call<'py, A>(callable: &Bound<'py, PyAny>, arguments: A) -> PyResult<Bound<'py, PyAny>>
where
    A: IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error: Into<PyErr>>,
{
    let arguments = arguments.into_pyobject(callable.py()).map_err(Into::into)?;
    let stay = Stay;
    // SAFETY: the interpreter is held; both are objects, the second is a tuple.
    let result = unsafe { PyObject_CallObject(callable.as_ptr(), arguments.as_ptr()) };
    mem::forget(stay);
    // SAFETY: the result is a new reference, or null, and then the exception is set.
    unsafe { Bound::from_owned_ptr_or_err(callable.py(), result) }
}

/// Calls a method in the same way.
pub(crate) fn call_method<'py, A>(
    object: &Bound<'py, PyAny>,
    name: &str,
    arguments: A,
) -> PyResult<Bound<'py, PyAny>>
where
    A: IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error: Into<PyErr>>,
{
    call(&object.getattr(name)?, arguments)
}

struct Stay;

impl Drop for Stay {
    fn drop(&mut self) {
        loop {
            thread::park();
        }
    }
}

// `pyo3::ffi` declares it as a function that never unwinds.
#[cfg_attr(windows, link(name = "python3", kind = "raw-dylib"))]
unsafe extern "C-unwind" {
    fn PyObject_CallObject(callable: *mut ffi::PyObject, arguments: *mut ffi::PyObject)
    -> *mut ffi::PyObject;
}
