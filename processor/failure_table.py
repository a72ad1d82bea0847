"""Who acts on what stopped the application: a table of Quix Streams' exceptions and one of the client's error codes.

A test walks all exceptions of the installed Quix Streams and all codes of the installed client: each has its place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from confluent_kafka import KafkaError

from billing.errors import OperatorError
from billing.topic_rules import TOPICS_RUNBOOK
from processor.rejected import REJECTED_RUNBOOK
from processor.takeover import INPUT_RUNBOOK, STATE_RUNBOOK, InputDeletedError, StateMismatchError

REFUSED_RUNBOOK = "docs/runbook.md#kafka-refuses"
FOLDER_RUNBOOK = "docs/runbook.md#state-folder"
FAULT_RUNBOOK = "docs/runbook.md#processor-fault"


class Actor(StrEnum):
    """Who gets the processor going again."""

    OPERATOR = "operator"
    TIME = "time"
    MAINTAINER = "maintainer"


@dataclass(frozen=True)
class Answer:
    """What is done about a failure.

    Args:
        actor: who acts.
        sentence: for an operator: what, why and what to do. It may name `{error}`, the failure's own text, and the
            settings `{input_topic}`, `{rejected_topic}`, `{consumer_group}`, `{instance}` and `{state_dir}`.
        kind: the error that the sentence is told by.
    """

    actor: Actor
    sentence: str = ""
    kind: type[OperatorError] = OperatorError


PASSES = Answer(Actor.TIME)
FAULT = Answer(Actor.MAINTAINER)


def _told(sentence: str, kind: type[OperatorError] = OperatorError) -> Answer:
    return Answer(Actor.OPERATOR, sentence, kind)


_INPUT_DELETED = _told(
    "{input_topic}: records were deleted before they were read; stopped rather than undercount, see " + INPUT_RUNBOOK,
    InputDeletedError,
)
_CHANGELOG_CUT = _told(
    "{input_topic}: local State is ahead of its changelog topic, which was deleted or cut; stopped rather than "
    "miscount, see " + STATE_RUNBOOK,
    StateMismatchError,
)
_FOREIGN_STATE = _told(
    "{input_topic}: the changelog holds a record that no processor wrote ({error}); stopped rather than miscount, see "
    + STATE_RUNBOOK,
    StateMismatchError,
)
STATE_FOLDER = _told("State in the folder {state_dir} cannot be used: {error}; see " + FOLDER_RUNBOOK)
_NO_RIGHT = _told("Kafka does not allow this processor something it needs: {error}; see " + REFUSED_RUNBOOK)
_NO_LOGIN = _told(
    "a broker does not let this processor in: {error}; check security.protocol, sasl.* and ssl.* in the setting kafka, "
    "see " + REFUSED_RUNBOOK
)
_NO_OPTION = _told(
    "an option is refused: {error}; correct it in the setting kafka, or on the brokers, see " + REFUSED_RUNBOOK
)
_NO_FEATURE = _told("the brokers lack what the processor needs: {error}; see " + REFUSED_RUNBOOK)
_NO_ROOM = _told(
    "{rejected_topic}: a record that cannot be billed is larger than this topic takes; it waits in {input_topic}, "
    "stopped rather than lose it, see " + REJECTED_RUNBOOK
)
_NOT_TAKEN = _told("a topic does not take what the processor writes: {error}; see " + TOPICS_RUNBOOK)
_FENCED = _told(
    "instance '{instance}' was fenced: another processor runs under the same name; give each its own `instance`"
)

_QUIX_ANSWERS: Mapping[Answer, str] = {
    PASSES: """
        checkpointing.exceptions: CheckpointConsumerCommitError CheckpointProducerTimeout
        exceptions.assignment: KafkaPartitionError PartitionAssignmentError
        internal_producer: KafkaProducerTransactionCommitFailed
        kafka.exceptions: KafkaBrokerUnavailableError
        models.topics.exceptions: CreateTopicFailure CreateTopicTimeout TopicConfigurationMismatch TopicNotFoundError
        state.exceptions: ChangelogFlushError
        state.rocksdb.exceptions: RocksDBOpenAborted
        """,
    _INPUT_DELETED: "state.exceptions: StateRecoveryOffsetOutOfRange",
    _CHANGELOG_CUT: "state.exceptions: InvalidChangelogOffset InvalidStoreChangelogOffset",
    _FOREIGN_STATE: "state.exceptions: ColumnFamilyHeaderMissing",
    STATE_FOLDER: """
        state.exceptions: IncompatibleStateStoreError StateMigrationError
        state.rocksdb.exceptions: RocksDBCorruptedError
        """,
    _NO_RIGHT: "models.topics.exceptions: TopicPermissionError",
    _told(
        "the name of the changelog topic is too long: {error}; shorten consumer_group or input_topic"
    ): "models.topics.exceptions: TopicNameLengthExceeded",
    # What Quix raises when it is used wrongly, what belongs to features that the processor does not use, and base
    # classes: of those that carry a code, the code answers first.
    FAULT: """
        checkpointing.exceptions: InvalidStoredOffset
        context: MessageContextNotSetError
        core.stream.exceptions: InvalidOperation InvalidTopology
        dataframe.exceptions: ColumnDoesNotExist GroupByDuplicate GroupByNestingLimit InvalidColumnReference
        dataframe.exceptions: StreamingDataFrameDuplicate
        exceptions.base: QuixException
        internal_producer: KafkaProducerTransactionAlreadyActive
        kafka.exceptions: BaseKafkaException InvalidProducerConfigError
        kafka.exceptions: KafkaConsumerException KafkaProducerDeliveryError
        models.serializers.exceptions: IgnoreMessage KeyDeserializationError KeySerializationError SerializationError
        models.serializers.exceptions: ValueDeserializationError ValueSerializationError
        models.topics.exceptions: TopicConfigurationError TopicPartitionsMismatch
        platforms.quix.exceptions: MissingConnectionRequirements MissingQuixTopics MultipleWorkspaces NoWorkspaceFound
        platforms.quix.exceptions: QuixApiRequestFailure QuixCreateTopicFailure QuixCreateTopicTimeout
        platforms.quix.exceptions: UndefinedQuixWorkspaceId
        processing.context: CheckpointNotInitialized
        sinks.base.exceptions: SinkBackpressureError
        sinks.community.file.formats: InvalidFormatError
        sinks.community.file.local: AppendNotSupported
        sources.base.exceptions: SourceException
        state.exceptions: ChangelogTopicPartitionNotAssigned ColumnFamilyDoesNotExist InvalidStoreTransactionStateError
        state.exceptions: PartitionNotAssignedError PartitionStoreIsUsed StateError StateSerializationError
        state.exceptions: StateTransactionError StoreAlreadyRegisteredError StoreNotRegisteredError
        state.exceptions: StoreTransactionFailed
        """,
}

_CODE_ANSWERS: Mapping[Answer, str] = {
    _INPUT_DELETED: "_AUTO_OFFSET_RESET OFFSET_OUT_OF_RANGE _LOG_TRUNCATION",
    _NO_ROOM: "MSG_SIZE_TOO_LARGE RECORD_LIST_TOO_LARGE",
    _FENCED: "_FENCED PRODUCER_FENCED",
    _NO_RIGHT: """
        TOPIC_AUTHORIZATION_FAILED GROUP_AUTHORIZATION_FAILED CLUSTER_AUTHORIZATION_FAILED
        TRANSACTIONAL_ID_AUTHORIZATION_FAILED DELEGATION_TOKEN_AUTHORIZATION_FAILED
        """,
    _NO_LOGIN: """
        _AUTHENTICATION _SSL SASL_AUTHENTICATION_FAILED UNSUPPORTED_SASL_MECHANISM ILLEGAL_SASL_STATE SECURITY_DISABLED
        DELEGATION_TOKEN_AUTH_DISABLED DELEGATION_TOKEN_NOT_FOUND DELEGATION_TOKEN_OWNER_MISMATCH
        DELEGATION_TOKEN_REQUEST_NOT_ALLOWED DELEGATION_TOKEN_EXPIRED INVALID_PRINCIPAL_TYPE
        PRINCIPAL_DESERIALIZATION_FAILURE UNACCEPTABLE_CREDENTIAL
        """,
    _NO_OPTION: """
        _INVALID_ARG _UNKNOWN_PROTOCOL _NOT_CONFIGURED INVALID_GROUP_ID INVALID_SESSION_TIMEOUT INVALID_REQUIRED_ACKS
        INVALID_TRANSACTION_TIMEOUT INVALID_PARTITIONS INVALID_REPLICA_ASSIGNMENT
        INVALID_CONFIG POLICY_VIOLATION TOPIC_EXCEPTION GROUP_MAX_SIZE_REACHED INCONSISTENT_GROUP_PROTOCOL
        GROUP_SUBSCRIBED_TO_TOPIC OFFSET_METADATA_TOO_LARGE INVALID_COMMIT_OFFSET_SIZE
        """,
    _NO_FEATURE: """
        _UNSUPPORTED_FEATURE UNSUPPORTED_VERSION UNSUPPORTED_FOR_MESSAGE_FORMAT UNSUPPORTED_COMPRESSION_TYPE
        UNSUPPORTED_ASSIGNOR
        """,
    _NOT_TAKEN: "INVALID_TIMESTAMP INVALID_RECORD",
    # A broker starts, restarts, moves a partition, or is busy; a rebalance goes on; a client is given up and made anew.
    # A member that joins again while it commits is told FENCED_INSTANCE_ID of itself. Of two that are there under one
    # name, the producer of one is told _FENCED.
    PASSES: """
        _BAD_MSG _BAD_COMPRESSION _FAIL _TRANSPORT _CRIT_SYS_RESOURCE _RESOLVE _MSG_TIMED_OUT _UNKNOWN_PARTITION _FS
        _UNKNOWN_TOPIC _ALL_BROKERS_DOWN _TIMED_OUT _QUEUE_FULL _ISR_INSUFF _NODE_UPDATE _WAIT_COORD _UNKNOWN_GROUP
        _IN_PROGRESS _PREV_IN_PROGRESS _OUTDATED _TIMED_OUT_QUEUE _WAIT_CACHE _INTR _PARTIAL _RETRY _PURGE_QUEUE
        _PURGE_INFLIGHT _FATAL _INCONSISTENT _GAPLESS_GUARANTEE _MAX_POLL_EXCEEDED _UNKNOWN_BROKER _ASSIGNMENT_LOST
        _DESTROY _DESTROY_BROKER UNKNOWN INVALID_MSG UNKNOWN_TOPIC_OR_PART LEADER_NOT_AVAILABLE NOT_LEADER_FOR_PARTITION
        REQUEST_TIMED_OUT BROKER_NOT_AVAILABLE REPLICA_NOT_AVAILABLE STALE_CTRL_EPOCH NETWORK_EXCEPTION
        COORDINATOR_LOAD_IN_PROGRESS COORDINATOR_NOT_AVAILABLE NOT_COORDINATOR NOT_ENOUGH_REPLICAS
        NOT_ENOUGH_REPLICAS_AFTER_APPEND ILLEGAL_GENERATION UNKNOWN_MEMBER_ID REBALANCE_IN_PROGRESS
        TOPIC_ALREADY_EXISTS NOT_CONTROLLER OUT_OF_ORDER_SEQUENCE_NUMBER DUPLICATE_SEQUENCE_NUMBER
        INVALID_PRODUCER_EPOCH FENCED_INSTANCE_ID
        INVALID_TXN_STATE INVALID_PRODUCER_ID_MAPPING CONCURRENT_TRANSACTIONS TRANSACTION_COORDINATOR_FENCED
        OPERATION_NOT_ATTEMPTED KAFKA_STORAGE_ERROR LOG_DIR_NOT_FOUND UNKNOWN_PRODUCER_ID REASSIGNMENT_IN_PROGRESS
        FETCH_SESSION_ID_NOT_FOUND INVALID_FETCH_SESSION_EPOCH LISTENER_NOT_FOUND FENCED_LEADER_EPOCH
        UNKNOWN_LEADER_EPOCH STALE_BROKER_EPOCH OFFSET_NOT_AVAILABLE MEMBER_ID_REQUIRED PREFERRED_LEADER_NOT_AVAILABLE
        ELIGIBLE_LEADERS_NOT_AVAILABLE UNSTABLE_OFFSET_COMMIT THROTTLING_QUOTA_EXCEEDED UNKNOWN_TOPIC_ID
        FENCED_MEMBER_EPOCH UNRELEASED_INSTANCE_ID STALE_MEMBER_EPOCH REBOOTSTRAP_REQUIRED INVALID_REPLICATION_FACTOR
        _STATE _CONFLICT
        """,
    # The client used wrongly, a broker that understands it wrongly, and answers to what the processor never asks.
    FAULT: """
        NO_ERROR _PARTITION_EOF _EXISTING_SUBSCRIPTION _ASSIGN_PARTITIONS _REVOKE_PARTITIONS _NOT_IMPLEMENTED _NO_OFFSET
        _KEY_SERIALIZATION _VALUE_SERIALIZATION _KEY_DESERIALIZATION _VALUE_DESERIALIZATION
        _READ_ONLY _NOENT _UNDERFLOW _INVALID_TYPE _APPLICATION _NOOP _INVALID_DIFFERENT_RECORD INVALID_MSG_SIZE
        INVALID_REQUEST NON_EMPTY_GROUP GROUP_ID_NOT_FOUND TOPIC_DELETION_DISABLED ELECTION_NOT_NEEDED
        NO_REASSIGNMENT_IN_PROGRESS RESOURCE_NOT_FOUND DUPLICATE_RESOURCE INCONSISTENT_VOTER_SET
        INVALID_UPDATE_VERSION FEATURE_UPDATE_FAILED UNKNOWN_SUBSCRIPTION_ID TELEMETRY_TOO_LARGE
        """,
}


def _by_class() -> dict[str, Answer]:
    found: dict[str, Answer] = {}
    for answer, lines in _QUIX_ANSWERS.items():
        for line in lines.strip().splitlines():
            module, _, names = line.strip().partition(": ")
            found |= {f"quixstreams.{module}.{name}": answer for name in names.split()}
    return found


OF_CLASS: Mapping[str, Answer] = _by_class()
"""The answer to each exception of Quix Streams, by its module and name."""

OF_CODE: Mapping[int, Answer] = {
    getattr(KafkaError, name): answer for answer, names in _CODE_ANSWERS.items() for name in names.split()
}
"""The answer to each error code of the client."""
