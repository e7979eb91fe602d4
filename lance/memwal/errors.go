package memwal

import "errors"

var (
	// ErrCorrupt marks bytes that do not follow the format. Reading them again gives
	// the same answer, unless the object was cut short on its way.
	ErrCorrupt = errors.New("memwal: corrupt")

	// ErrUnsupported marks well-formed bytes that use something unknown here, such as
	// a sharding transform of a later version. Retrying does not help; a newer release may.
	ErrUnsupported = errors.New("memwal: unsupported")
)
