package pb

import (
	"fmt"
	"strings"
)

// String is a short form of the encoding for people, like "fsst(variable(32))".
func (e *CompressiveEncoding) String() string {
	switch {
	case e == nil:
		return "none"
	case e.Flat != nil:
		return fmt.Sprintf("flat(%d)", e.Flat.BitsPerValue)
	case e.Variable != nil:
		return fmt.Sprintf("variable(%s)", e.Variable.Offsets)
	case e.OutOfLineBitpack != nil:
		return fmt.Sprintf("out_of_line_bitpacking(%d, %s)", e.OutOfLineBitpack.UncompressedBits, e.OutOfLineBitpack.Values)
	case e.InlineBitpack != nil:
		return fmt.Sprintf("inline_bitpacking(%d)", e.InlineBitpack.UncompressedBits)
	case e.FSST != nil:
		return fmt.Sprintf("fsst(%s)", e.FSST.Values)
	case e.Dictionary != nil:
		return fmt.Sprintf("dictionary(%s, %s)", e.Dictionary.Indices, e.Dictionary.Items)
	case e.RLE != nil:
		return fmt.Sprintf("rle(%s, %s)", e.RLE.Values, e.RLE.RunLengths)
	case e.ByteStreamSplit != nil:
		return fmt.Sprintf("byte_stream_split(%s)", e.ByteStreamSplit.Values)
	case e.General != nil:
		return fmt.Sprintf("%s(%s)", e.General.Compression.Scheme, e.General.Values)
	case e.FixedSizeList != nil:
		nulls := ""
		if e.FixedSizeList.HasValidity {
			nulls = ", validity"
		}
		return fmt.Sprintf("fixed_size_list(%d, %s%s)", e.FixedSizeList.ItemsPerValue, e.FixedSizeList.Values, nulls)
	case e.PackedStruct != nil:
		return fmt.Sprintf("packed_struct(%v, %s)", e.PackedStruct.BitsPerValue, e.PackedStruct.Values)
	}
	return e.Name()
}

// String is the name of the scheme.
func (s CompressionScheme) String() string {
	switch s {
	case CompressionNone:
		return "none"
	case CompressionLZ4:
		return "lz4"
	case CompressionZSTD:
		return "zstd"
	}
	return fmt.Sprintf("compression(%d)", uint32(s))
}

// String is the name of the layer.
func (l Layer) String() string {
	names := [...]string{"", "item", "list", "item?", "list?", "list{}", "list?{}"}
	if int(l) < len(names) {
		return names[l]
	}
	return fmt.Sprintf("layer(%d)", uint8(l))
}

func layersText(ls []Layer) string {
	out := make([]string, len(ls))
	for i, l := range ls {
		out[i] = l.String()
	}
	return strings.Join(out, " in ")
}

// String is a short form of the layout for people.
func (l *PageLayout) String() string {
	switch {
	case l == nil:
		return "none"
	case l.MiniBlock != nil:
		m := l.MiniBlock
		out := []string{"values " + m.Value.String()}
		if m.Dictionary != nil {
			out = append(out, fmt.Sprintf("dictionary of %d %s", m.NumDictionaryItems, m.Dictionary))
		}
		if m.Rep != nil {
			out = append(out, "rep "+m.Rep.String())
		}
		if m.Def != nil {
			out = append(out, "def "+m.Def.String())
		}
		return fmt.Sprintf("mini-block [%s] %s", layersText(m.Layers), strings.Join(out, ", "))
	case l.Constant != nil:
		c := l.Constant
		out := []string{"constant [" + layersText(c.Layers) + "]"}
		if c.HasInlineValue {
			out = append(out, fmt.Sprintf("value of %d bytes", len(c.InlineValue)))
		}
		if c.Rep != nil {
			out = append(out, "rep "+c.Rep.String())
		}
		if c.Def != nil {
			out = append(out, "def "+c.Def.String())
		}
		return strings.Join(out, ", ")
	case l.FullZip != nil:
		z := l.FullZip
		width := fmt.Sprintf("%d bits each", z.BitsPerValue)
		if z.BitsPerOffset > 0 {
			width = fmt.Sprintf("lengths of %d bits", z.BitsPerOffset)
		}
		return fmt.Sprintf("full-zip [%s] values %s, %s, rep %d def %d bits", layersText(z.Layers), z.Value, width, z.BitsRep, z.BitsDef)
	case l.Blob != nil:
		return "blob"
	}
	return fmt.Sprintf("layout(%d)", l.Other)
}

// String is a short form of the encoding for people.
func (e *ArrayEncoding) String() string {
	switch {
	case e == nil:
		return "none"
	case e.Flat != nil:
		return fmt.Sprintf("flat(%d)", e.Flat.BitsPerValue)
	case e.Nullable != nil && e.Nullable.AllNull:
		return "all_null"
	case e.Nullable != nil && e.Nullable.Validity != nil:
		return fmt.Sprintf("nullable(%s)", e.Nullable.Values)
	case e.Nullable != nil:
		return e.Nullable.Values.String()
	case e.FixedSizeList != nil:
		return fmt.Sprintf("fixed_size_list(%d, %s)", e.FixedSizeList.Dimension, e.FixedSizeList.Items)
	case e.List != nil:
		return fmt.Sprintf("list(%s)", e.List.Offsets)
	case e.Struct:
		return "struct"
	case e.Binary != nil:
		return fmt.Sprintf("binary(%s, %s)", e.Binary.Indices, e.Binary.Bytes)
	case e.Dictionary != nil:
		return fmt.Sprintf("dictionary(%s, %d items %s)", e.Dictionary.Indices, e.Dictionary.NumItems, e.Dictionary.Items)
	case e.FSST != nil:
		return fmt.Sprintf("fsst(%s)", e.FSST.Binary)
	case e.PackedStruct != nil:
		return "packed_struct"
	case e.Bitpacked != nil:
		return fmt.Sprintf("bitpacked(%d of %d)", e.Bitpacked.CompressedBits, e.Bitpacked.UncompressedBits)
	case e.FixedSizeBinary != nil:
		return fmt.Sprintf("fixed_size_binary(%d, %s)", e.FixedSizeBinary.Width, e.FixedSizeBinary.Bytes)
	case e.BitpackedNonNeg != nil:
		return fmt.Sprintf("bitpacked_for_non_neg(%d of %d)", e.BitpackedNonNeg.CompressedBits, e.BitpackedNonNeg.UncompressedBits)
	case e.HasConstant:
		return "constant"
	}
	return fmt.Sprintf("encoding(%d)", e.Other)
}
