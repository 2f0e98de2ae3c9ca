//! The deployed local stack, as a test sees it.
