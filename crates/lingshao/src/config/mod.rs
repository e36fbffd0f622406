//! Reads `lingshao.yml`, checks it whole, and hands each component its own small struct.
