"""Tests of the WhatsApp reader."""
