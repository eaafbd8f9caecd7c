"""Files of Keras: 2.x, tf.keras and 3, read as models of the Keras that is installed."""
