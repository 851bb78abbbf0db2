"""The one place that imports openai: every call to a provider, with its faults and errors translated to ours.

Answers are small records or the provider's objects as plain JSON. What is retried, and why job creation never is,
stands in openai-api.md, section 9.
"""

from pen_backend.client.answers import Choice, Chunk, Completion, Usage
from pen_backend.client.faults import translate
from pen_backend.client.provider import Client
from pen_backend.client.stream import CompletionStream

__all__ = ["Choice", "Chunk", "Client", "Completion", "CompletionStream", "Usage", "translate"]
