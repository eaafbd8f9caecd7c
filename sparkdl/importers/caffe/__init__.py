"""Caffe: read (`text`, `wire`, `hdf5`), upgrade old forms (`upgrade`), resolve (`net`), lower to Keras (`load`)."""
