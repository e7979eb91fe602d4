// Package jsonrows turns lines of JSON into record batches of a schema: the way in for rows that cat.JSON is the way out for.
//
// A line is an object with a value for each column by name; a column that is missing is null. Values have the forms that
// package cat writes, and a few more that people type:
//
//	integers, durations           12; or as text, "9007199254740993"
//	float16, float32, float64     0.5; "NaN", "Infinity", "-Infinity"
//	decimal                       "12.50"; or 12.50 with all its digits
//	text                          a string
//	binary                        a string in base64, padded
//	date                          "2026-01-02"
//	time                          "15:04:05.123"
//	timestamp                     "2026-01-02T15:04:05.123"; with Z or an offset where the type has a zone, and only there
//	list, vector                  an array; a vector's of the right length
//	struct                        an object; members that are missing are null
//	map                           an array of {"key": ..., "value": ...}
//	dictionary                    the value
//
// Nothing is rounded, cut or guessed: a number that does not fit its type, digits that a type cannot hold, a name that is no
// column, a name that occurs twice are errors. An [Error] names the line and the field.
//
// Who owns what: the reader is borrowed; batches belong to the consumer. Memory is that of a batch, which is bounded by what
// its rows take as Arrow arrays, not by their text: a line of a few bytes can stand for a vector of nulls. A sequence is for
// one goroutine.
//
// The package knows neither tables nor HTTP.
package jsonrows
