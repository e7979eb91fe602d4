package warm

import (
	"encoding/json"
	"time"
)

// A Request asks for everything at or below a path to be resident.
type Request struct {
	Path Path
	// Wait is how long the call waits for the job; 0 returns at once.
	Wait time.Duration
	// Deadline bounds the job from now on, time in the queue included; 0 means
	// [Options.MaxDeadline]. Callers that join a job can only lengthen its deadline; the
	// call itself waits no longer than its own.
	Deadline time.Duration
	// Pin, if set, pins (true) or unpins (false) the path. Pinned pages are not evicted
	// for others, as far as the page cache's pin budget goes. A pin outlives the job.
	Pin *bool
	// BudgetBytes bounds the objects taken, counted in their sizes, smallest first; 0
	// means what the cache can hold, which is a limit in any case.
	BudgetBytes int64
	// Roles are what is wanted of the path; none means all. Bytes of other roles come only
	// where they share a page.
	Roles []Role
	// PKColumns are the columns of the primary key; none means what the generation's
	// manifest says.
	PKColumns []string
	// Decode has the published generations at and below the path decoded, once they are
	// resident, and the job wait for it. nil means [Options.Decode], without waiting. A
	// failure to decode is in the receipt alone.
	Decode *bool
	// Priority orders the queue; jobs that run already are not interrupted.
	Priority Priority
}

// Priority is how urgent a job is beside others. The zero value is normal.
type Priority int8

// The priorities.
const (
	PriorityLow    Priority = -1 // what Hearth warms by itself
	PriorityNormal Priority = 0
	PriorityHigh   Priority = 1
)

// ParsePriority reads the word for a priority; the empty one is normal.
func ParsePriority(s string) (Priority, error) {
	switch s {
	case "low":
		return PriorityLow, nil
	case "", "normal":
		return PriorityNormal, nil
	case "high":
		return PriorityHigh, nil
	}
	return 0, &FieldError{Field: "priority", Message: "not one of low, normal, high"}
}

func (r Request) validate(o Options) error {
	switch {
	case r.Path.Bucket == "":
		return &FieldError{Field: "path", Message: "names no bucket"}
	case r.Wait < 0:
		return &FieldError{Field: "wait", Message: "is negative"}
	case r.Deadline < 0:
		return &FieldError{Field: "deadline", Message: "is negative"}
	case r.Deadline > o.MaxDeadline:
		return &FieldError{Field: "deadline", Message: "is longer than the limit of " + o.MaxDeadline.String()}
	case r.Priority < PriorityLow || r.Priority > PriorityHigh:
		return &FieldError{Field: "priority", Message: "not one of low, normal, high"}
	case r.Decode != nil && *r.Decode && o.Decoder == nil:
		return &FieldError{Field: "decode", Message: "nothing is decoded here"}
	case len(r.PKColumns) > maxColumns:
		return &FieldError{Field: "pk_columns", Message: "too many columns"}
	case r.BudgetBytes < 0:
		return &FieldError{Field: "budget_bytes", Message: "is negative"}
	}
	for _, role := range r.Roles {
		if _, err := ParseRole(string(role)); err != nil {
			return err
		}
	}
	return nil
}

// maxColumns bounds the columns of a key; what does not fit is no key.
const maxColumns = 64

// State is how far a path is.
type State string

const (
	// Warm: every page below the path is resident.
	Warm State = "warm"
	// Warming: the job waits or runs.
	Warming State = "warming"
	// Partial: the job ended and something is not resident; Answer.Reason says why.
	Partial State = "partial"
	// Failed: the job could not do its work; Answer.Error says why.
	Failed State = "failed"
)

// Found is how much was resident before anything was fetched.
type Found string

const (
	// FoundWarm: everything.
	FoundWarm Found = "warm"
	// FoundPartial: some pages.
	FoundPartial Found = "partial"
	// FoundCold: nothing.
	FoundCold Found = "cold"
)

// Reason is why a path is partial.
type Reason string

const (
	// ReasonBudget: objects were left out because of the budget or the cache's size.
	ReasonBudget Reason = "budget"
	// ReasonListing: there are more objects than a job takes.
	ReasonListing Reason = "listing"
	// ReasonDeadline: the deadline passed.
	ReasonDeadline Reason = "deadline"
	// ReasonCancelled: the job was cancelled.
	ReasonCancelled Reason = "cancelled"
	// ReasonNoSpace: the cache had no memory, all of it being pinned or in use.
	ReasonNoSpace Reason = "no_space"
	// ReasonChanged: objects were replaced or deleted while they were loaded.
	ReasonChanged Reason = "changed"
	// ReasonRetired: the generation was retired meanwhile.
	ReasonRetired Reason = "retired"
	// ReasonEvicted: pages went again before the job ended, or never entered.
	ReasonEvicted Reason = "evicted"
)

// An Answer says how far a path is, and what was done for it.
type Answer struct {
	// Path is the directory's path, with a slash at its end.
	Path  string `json:"path"`
	State State  `json:"state"`
	// Found is empty until it is known.
	Found Found `json:"found,omitempty"`
	// Published: the path lies at or below a published generation.
	Published bool `json:"published"`
	// Pinned: the path was pinned by this call or job.
	Pinned bool `json:"pinned,omitempty"`
	// Job is the id of the job; empty if none was needed.
	Job     string   `json:"job,omitempty"`
	Reason  Reason   `json:"reason,omitempty"`
	Error   *Problem `json:"error,omitempty"`
	Receipt Receipt  `json:"receipt"`
}

// A Problem is an error in an answer.
type Problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}

// A Receipt says what lies below a path, what of it is resident and what was asked of
// the origin.
type Receipt struct {
	// Objects and Bytes are what the job took: all below the path but what is skipped or
	// cut. Pages are theirs.
	Objects int   `json:"objects"`
	Bytes   int64 `json:"bytes"`
	Pages   int64 `json:"pages"`
	// What of it is resident: at the end, or while the job runs, as far as it is known.
	ResidentObjects int   `json:"resident_objects"`
	ResidentBytes   int64 `json:"resident_bytes"`
	ResidentPages   int64 `json:"resident_pages"`
	// Objects left out: by the budget, and because their class is never.
	CutObjects     int   `json:"cut_objects,omitempty"`
	CutBytes       int64 `json:"cut_bytes,omitempty"`
	SkippedObjects int   `json:"skipped_objects,omitempty"`
	// FailedObjects could not be loaded; ChangedObjects were not what was listed.
	FailedObjects  int `json:"failed_objects,omitempty"`
	ChangedObjects int `json:"changed_objects,omitempty"`

	// Roles say what there is of each role, wanted or not; absent if nothing below the path
	// has one, or if it cannot be told without asking the origin.
	Roles RoleReceipts `json:"roles,omitzero"`

	// Decode says what was decoded, if that was wanted.
	Decode DecodeReceipt `json:"decode,omitzero"`

	Requests Requests `json:"requests"`
	Source   Source   `json:"source"`
	// Rounds counts the requests that had to wait for the answer of another one, the
	// first included.
	Rounds int `json:"rounds"`
	// Elapsed is the time since the job was asked for, or that the check took.
	Elapsed Duration `json:"elapsed"`
}

// Requests counts requests to the origin, retries aside. List is computed from the
// number of listed objects, 1,000 to a page.
type Requests struct {
	List int64 `json:"list"`
	Get  int64 `json:"get"`
	Head int64 `json:"head"`
}

// Source says where resident bytes came from. What none counts came with the fills of
// others meanwhile.
type Source struct {
	OriginBytes int64 `json:"origin_bytes"`
	// WriteThroughBytes were kept as they were written through here; this job has confirmed
	// that they are the object's. Later jobs find them already there.
	WriteThroughBytes int64 `json:"write_through_bytes"`
	AlreadyBytes      int64 `json:"already_bytes"`
}

// Duration is a time.Duration that reads "1.5s" in JSON.
type Duration time.Duration

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(d).String()) }

// UnmarshalJSON implements json.Unmarshaler.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	parsed, err := time.ParseDuration(s)
	*d = Duration(parsed)
	return err
}

// A Status is a job's answer with its times. While the job waits, Started is nil.
type Status struct {
	Answer
	Created  time.Time  `json:"created"`
	Started  *time.Time `json:"started,omitempty"`
	Finished *time.Time `json:"finished,omitempty"`
	// Calls is how many calls asked for the job.
	Calls int `json:"calls"`
}
