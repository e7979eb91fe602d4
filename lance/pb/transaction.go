package pb

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Transaction is lance.table.Transaction: what a commit changed, for those who commit at the same time. Exactly one of the
// operations is set.
type Transaction struct {
	ReadVersion uint64 // the version that the change was made for
	UUID        string
	Tag         string
	Properties  map[string]string

	Append       *AppendOperation
	Delete       *DeleteOperation
	Overwrite    *OverwriteOperation
	CreateIndex  *CreateIndexOperation
	Update       *UpdateOperation
	UpdateConfig *UpdateConfigOperation
	UpdateMemWAL *UpdateMemWALOperation
}

// AppendOperation adds fragments whose ids are not given yet.
type AppendOperation struct{ Fragments []DataFragment }

// DeleteOperation deletes rows of fragments, or whole fragments.
type DeleteOperation struct {
	Updated    []DataFragment
	DeletedIDs []uint64
	Predicate  string
}

// OverwriteOperation makes a table, or replaces all that is in it.
type OverwriteOperation struct {
	Fragments      []DataFragment
	Schema         []SchemaField
	SchemaMetadata map[string][]byte
	Config         map[string]string
}

// CreateIndexOperation adds, replaces or removes indexes.
type CreateIndexOperation struct{ New, Removed []IndexMetadata }

// UpdateOperation moves rows: those of old fragments are deleted, new fragments hold what they became.
type UpdateOperation struct {
	RemovedIDs []uint64
	Updated    []DataFragment
	New        []DataFragment
	// Compacted are lance.table.CompactedSsTable messages: generations whose rows are among the new ones.
	Compacted [][]byte
}

// UpdateConfigOperation changes maps of the manifest.
type UpdateConfigOperation struct {
	Config, TableMetadata, SchemaMetadata *UpdateMap
	Fields                                map[int32]*UpdateMap // metadata of fields by id
}

// UpdateMap sets keys, or removes those whose value is nil. With Replace, other keys go.
type UpdateMap struct {
	Entries map[string]*string
	Replace bool
}

// UpdateMemWALOperation records generations that were compacted, as lance.table.CompactedSsTable messages.
type UpdateMemWALOperation struct{ Compacted [][]byte }

// AppendTo appends the message to b. (Append is one of the operations.)
func (m *Transaction) AppendTo(b []byte) []byte {
	b = appendUint(b, 1, m.ReadVersion)
	b = appendBytes(b, 2, m.UUID)
	b = appendBytes(b, 3, m.Tag)
	b = appendMap(b, 4, m.Properties)
	switch {
	case m.Append != nil:
		return appendMessage(b, 100, appendFragments(nil, 1, m.Append.Fragments))
	case m.Delete != nil:
		o := appendFragments(nil, 1, m.Delete.Updated)
		o = appendPacked(o, 2, m.Delete.DeletedIDs)
		return appendMessage(b, 101, appendBytes(o, 3, m.Delete.Predicate))
	case m.Overwrite != nil:
		o := appendFragments(nil, 1, m.Overwrite.Fragments)
		o = appendFields(o, 2, m.Overwrite.Schema)
		o = appendMap(o, 3, m.Overwrite.SchemaMetadata)
		return appendMessage(b, 102, appendMap(o, 4, m.Overwrite.Config))
	case m.CreateIndex != nil:
		var o []byte
		for i := range m.CreateIndex.New {
			o = appendMessage(o, 1, m.CreateIndex.New[i].Append(nil))
		}
		for i := range m.CreateIndex.Removed {
			o = appendMessage(o, 2, m.CreateIndex.Removed[i].Append(nil))
		}
		return appendMessage(b, 103, o)
	case m.Update != nil:
		o := appendPacked(nil, 1, m.Update.RemovedIDs)
		o = appendFragments(o, 2, m.Update.Updated)
		o = appendFragments(o, 3, m.Update.New)
		for _, c := range m.Update.Compacted {
			o = appendMessage(o, 5, c)
		}
		return appendMessage(b, 108, o)
	case m.UpdateConfig != nil:
		return appendMessage(b, 110, m.UpdateConfig.append(nil))
	case m.UpdateMemWAL != nil:
		var o []byte
		for _, c := range m.UpdateMemWAL.Compacted {
			o = appendMessage(o, 1, c)
		}
		return appendMessage(b, 112, o)
	}
	return b
}

func (m *UpdateConfigOperation) append(b []byte) []byte {
	b = m.Config.field(b, 6)
	b = m.TableMetadata.field(b, 7)
	b = m.SchemaMetadata.field(b, 8)
	for _, id := range slices.Sorted(maps.Keys(m.Fields)) {
		e := appendUint(nil, 1, uint64(int64(id)))
		b = appendMessage(b, 9, m.Fields[id].field(e, 2))
	}
	return b
}

func (m *UpdateMap) field(b []byte, num protowire.Number) []byte {
	if m == nil {
		return b
	}
	var u []byte
	for _, k := range slices.Sorted(maps.Keys(m.Entries)) {
		e := appendBytes(nil, 1, k)
		if v := m.Entries[k]; v != nil {
			e = appendMessage(e, 2, *v)
		}
		u = appendMessage(u, 1, e)
	}
	return appendMessage(b, num, appendBool(u, 2, m.Replace))
}

func appendFragments(b []byte, num protowire.Number, fs []DataFragment) []byte {
	for i := range fs {
		b = appendMessage(b, num, fs[i].Append(nil))
	}
	return b
}
