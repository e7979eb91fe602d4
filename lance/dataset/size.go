package dataset

import "github.com/hearthcache/hearth/lance/schema"

// What parts of a manifest take in memory beside their texts, measured.
const (
	datasetBytes  = 3 << 10
	fieldBytes    = 700 // as read, as part of the schema, and as an Arrow field
	fragmentBytes = 400
	dataFileBytes = 250
	indexBytes    = 450
)

// SizeBytes is the memory that the dataset holds, about: its manifest and schema, and the metadata of the data files that
// it keeps open. It grows with use and takes no time to speak of.
func (d *Dataset) SizeBytes() int64 {
	n := int64(datasetBytes)
	n += fieldBytes * int64(countFields(d.schema.Fields))
	for _, f := range d.fragments {
		n += fragmentBytes + dataFileBytes*int64(len(f.Meta().Files))
	}
	for i := range d.manifest.Indexes {
		x := &d.manifest.Indexes[i]
		n += indexBytes + int64(len(x.FragmentBitmap)+64*len(x.Files))
	}
	return n + d.files.sizeBytes()
}

func countFields(fields []*schema.Field) (n int) {
	for _, f := range fields {
		n += 1 + countFields(f.Children)
	}
	return n
}

// sizeBytes is what the open files hold.
func (f *files) sizeBytes() (n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, of := range f.mu.open {
		select {
		case <-of.ready:
			if of.r != nil {
				n += of.r.SizeBytes()
			}
		default: // still being opened
		}
	}
	return n
}
