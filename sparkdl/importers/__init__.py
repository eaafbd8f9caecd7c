"""Foreign files to Keras models: nothing of the frameworks that wrote them is needed."""
