"""Files of BigDL (`.bigdl`) and of Torch 7 (`.t7`), read and written."""
