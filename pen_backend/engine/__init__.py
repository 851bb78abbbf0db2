"""pen's local engine: OpenAI's fine-tuning API, served and really trained on this machine."""
