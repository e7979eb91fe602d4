// Package cat writes record batches as text or as an Arrow stream.
//
// A [Writer] takes batches of one schema and writes them as they come, in one of three formats; it keeps none of them, so
// memory is that of a batch. [Rows] yields the batches of a table or of one file, from some row on and not beyond another.
//
// # JSON
//
// One object a line, fields in the order of the schema. A value is
//
//	null                          null
//	bool, integers                true, 12; integers with all their digits, beyond 2^53 too
//	float16, float32, float64     the shortest number that reads back as exactly this float64
//	NaN, infinities               "NaN", "Infinity", "-Infinity"
//	text                          a string; bytes that are not UTF-8 become U+FFFD
//	binary                        a string in base64, padded
//	decimal                       a string with all digits
//	date, time, timestamp         "2026-01-02", "15:04:05.123", "2026-01-02T15:04:05.123", with Z when the type has a zone
//	duration                      a number, in the unit of the type
//	list, vector                  an array
//	struct                        an object
//	map                           an array of {"key": ..., "value": ...}
//	dictionary                    the value
//
// # CSV
//
// RFC 4180 with \n, after a line with the names. Null is nothing, an empty text "". Where there is but one column, null is
// "" too, because most readers skip empty lines. Lists, vectors, structs and maps are JSON inside of one field; other
// values are as in JSON without the quotes.
//
// # Arrow
//
// An Arrow IPC stream, uncompressed, with the schema's metadata.
//
// Who owns what: a Writer borrows batches until Write returns; Close ends the output and leaves the io.Writer open. Rows
// hands its batches over. Neither may be used by several goroutines.
//
// Errors: [ErrFormat] for a format or type that has no form here; those of the io.Writer as they are.
package cat
