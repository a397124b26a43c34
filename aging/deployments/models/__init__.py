"""Models with random weights, made locally: GGUF files and Hugging Face folders."""
