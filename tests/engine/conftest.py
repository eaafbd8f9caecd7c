from __future__ import annotations

import tensorflow as tf

# A step that exchanges denominators blocks a thread of TensorFlow's pool, which several replicas share in tests.
tf.config.threading.set_inter_op_parallelism_threads(8)
