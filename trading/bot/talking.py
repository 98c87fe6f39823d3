"""What is said without a command: an answer to a card or to an open question, or nothing the bot understands."""

from alerting import queries
from rfq import bot_quoting
from trading.bot import registry
from trading.lib import clock
from trading.lib.chat import BotUpdate, Reply, message
from users import bot as users_bot
from users import capabilities, dialogues
from users.models import User


def plain(update: BotUpdate, actor: User) -> Reply:
    """
    Hand a text to whoever asked for it.

    :raises DialogueExpired: the question was closed meanwhile.
    """
    card = queries.subject_of(update.chat_id, update.reply_to) if update.reply_to else ""
    if card and capabilities.holds(actor, "rfq.quote"):
        return bot_quoting.answer(update, actor, card)
    dialogue = dialogues.waiting(actor, key=update.key, now=clock.now())
    if dialogue is None and update.attachment:
        return Reply(text=message("telegram/file_alone.html", {}))
    if dialogue is None:
        return users_bot.unknown(update, actor)
    return registry.ANSWERS[dialogue.purpose](update, actor, dialogue)
