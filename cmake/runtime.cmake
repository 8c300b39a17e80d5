# The libuv driver, the C API, the node daemon and the command line.
