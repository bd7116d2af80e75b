"""Ways of telling somebody: one module each, which checks an address and sends a message to it.

channel = channel_named("slack")
address = channel.check(given)       # ValidationError says what would be right
channel.send(address, message)       # DeliveryFailed says what went wrong, and whether trying again helps
"""

from ads.channels.channel import Channel
from ads.channels.message import Message, Note
from ads.channels.registry import channel_named, channels

__all__ = ["Channel", "Message", "Note", "channel_named", "channels"]
