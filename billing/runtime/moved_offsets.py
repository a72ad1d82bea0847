"""Up to where the input is moved by customer, as the moving's consumer group has committed it."""

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from billing.runtime.client_errors import raise_if_forbidden
from billing.runtime.kafka import KafkaUnavailableError
from billing.settings import Settings
from billing.topics import moving_group


def moved_offsets(admin: AdminClient, settings: Settings, answer_seconds: float) -> dict[int, int]:
    """Return the offset up to which each input partition is moved; those that never were are not among them.

    Args:
        admin: who asks.
        settings: the topics.
        answer_seconds: how long to wait for an answer.

    Raises:
        KafkaRefusesError: this user may not ask.
        KafkaUnavailableError: the broker does not answer in time, or with another error.
    """
    request = ConsumerGroupTopicPartitions(moving_group(settings.keyed_topic))
    try:
        (future,) = admin.list_consumer_group_offsets([request], request_timeout=answer_seconds).values()
        found = future.result(answer_seconds).topic_partitions or []
    except (KafkaException, TimeoutError) as error:
        if isinstance(error, KafkaException):
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return {}
            raise_if_forbidden(error, f"ask for the offsets of group {moving_group(settings.keyed_topic)}")
        raise KafkaUnavailableError(
            f"no broker at {settings.bootstrap_servers} tells how far {settings.input_topic} is moved: {error}"
        ) from error
    mine = [one for one in found if one.topic == settings.input_topic]
    if failed := next((one.error for one in mine if one.error is not None), None):
        raise_if_forbidden(KafkaException(failed), f"ask how far {settings.input_topic} is moved")
        raise KafkaUnavailableError(f"how far {settings.input_topic} is moved is not told: {failed}")
    return {one.partition: one.offset for one in mine if one.offset >= 0}
