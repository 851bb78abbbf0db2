"""OpenAI's shapes: requests checked strictly, answers built whole (openai-api.md)."""
