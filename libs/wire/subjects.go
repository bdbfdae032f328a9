// Package wire holds the contracts between services: subjects, streams, headers and messages.
package wire

// Subjects of the query corridor: request and reply, asked by the gateway alone.
const (
	SubjectRecall = "haggle.q.recall"
	// SubjectShard and a shard, "2of4", name what recall asks its own instances by, when none holds all items.
	SubjectShard = "haggle.q.shard."
	// SubjectRank is answered by ranking; one per variant may follow it (".mlp").
	SubjectRank = "haggle.q.rank"
	// SubjectTrain asks the trainer for a run now; it answers at once with what it will do.
	SubjectTrain = "haggle.train"
)

// Streams and subjects of the event and catalogue corridors.
const (
	StreamEvents = "EVENTS"
	// SubjectEvent and the kind name an event subject: haggle.ev.purchase. The payload is one or more [shop.Event], one JSON per line.
	SubjectEvent  = "haggle.ev."
	SubjectEvents = "haggle.ev.>"

	StreamCatalog = "CATALOG"
	// SubjectItem and the key of an item (see [ItemToken]) name its subject. The payload is a [shop.Item] as JSON; an empty payload says that the item is gone.
	SubjectItem  = "haggle.item."
	SubjectItems = "haggle.item.>"

	// StreamDead keeps what could not be handled, with the headers that say where it came from and why.
	StreamDead   = "DEAD"
	SubjectDead  = "haggle.dead."
	SubjectDeads = "haggle.dead.>"
)

// Subjects of the vitals and of the bus itself: core NATS, lossy by design.
const (
	// SubjectVital, the service and the instance name a vitals subject.
	SubjectVital  = "haggle.vital."
	SubjectVitals = "haggle.vital.>"
	// SubjectHere and a served subject announce an instance that serves it, twice a second.
	SubjectHere = "haggle.here."
	// SubjectDirect, the instance and a served subject reach that instance alone.
	SubjectDirect = "haggle.i."
)

// Buckets of the models and plan corridors.
const (
	// BucketModels is both the object store of model files and the key-value bucket of model cards.
	BucketModels = "models"
	BucketPlan   = "plan"
	// BucketSnapshots is the object store of recall's own state; recall alone reads and writes it.
	BucketSnapshots = "recall-snapshots"
)

// Headers of messages.
const (
	// HeaderDeadline is the moment after which nobody waits for the answer, in unix microseconds.
	HeaderDeadline = "Haggle-Deadline"
	// HeaderCode is the [Code] of a reply, left out when OK; HeaderError is its text for people.
	HeaderCode  = "Haggle-Code"
	HeaderError = "Haggle-Error"
	// HeaderField is the part of the request at fault, left out when none is named.
	HeaderField = "Haggle-Field"
	// HeaderTrace carries a W3C trace context.
	HeaderTrace = "traceparent"
	// HeaderOrigin, HeaderTries and HeaderReason are set on a message of [StreamDead].
	HeaderOrigin = "Haggle-Origin"
	HeaderTries  = "Haggle-Tries"
	HeaderReason = "Haggle-Reason"
)
