package bloom

import "github.com/apache/arrow-go/v18/arrow"

// FileName is the name of the filter in the folder of a generation.
const FileName = "bloom_filter.bin"

// AddRowsAsLance records every row of a primary key as LanceDB does when it writes a generation, whatever the types: of a
// column whose type is not Supported only whether it is null counts. Fit for a filter that is written, where a reader
// that hashes as LanceDB does must find every key. It is true of every other key of such a type too, so our own readers
// do not ask, see MayContainRow.
func (f *Filter) AddRowsAsLance(columns ...arrow.Array) {
	if len(columns) == 0 {
		return
	}
	var k Key
	for row := range columns[0].Len() {
		k.Reset()
		for _, c := range columns {
			switch {
			case c.IsNull(row):
				k.Null()
			case !k.Column(c, row):
				k.buf = append(k.buf, 0)
			}
		}
		f.Add(k.Hash())
	}
}
