//! Development simulator.
