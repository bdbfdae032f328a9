package model

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
)

// A model file, all numbers little-endian:
//
//	magic    8 bytes  "HGMODEL\n"
//	version  uint32   1
//	header   uint32   length of the header
//	payload  uint64   length of the payload
//	header   JSON of [Header]
//	payload  as the kind writes it
//	check    uint32   CRC-32C of all that stands before
//
// CRC-32C finds every change of up to 32 bits in a row, so every flipped byte. History: 1 = the first.
const (
	magic         = "HGMODEL\n"
	formatVersion = 1
	preambleBytes = len(magic) + 4 + 4 + 8
	checkBytes    = 4
	// maxHeaderBytes bounds what is handed to the JSON reader: a header with 1,000 features and 64 golden rows has 1 MB.
	maxHeaderBytes = 8 << 20
)

// Encode writes a model file.
func Encode(h Header, payload []byte) ([]byte, error) {
	header, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode model header: %w", err)
	}
	if len(header) > maxHeaderBytes {
		return nil, fmt.Errorf("encode model header: %d bytes, at most %d", len(header), maxHeaderBytes)
	}
	file := make([]byte, 0, preambleBytes+len(header)+len(payload)+checkBytes)
	file = append(file, magic...)
	file = binary.LittleEndian.AppendUint32(file, formatVersion)
	file = binary.LittleEndian.AppendUint32(file, uint32(len(header)))
	file = binary.LittleEndian.AppendUint64(file, uint64(len(payload)))
	file = append(file, header...)
	file = append(file, payload...)
	return binary.LittleEndian.AppendUint32(file, crc32.Checksum(file, crc32.MakeTable(crc32.Castagnoli))), nil
}

// Split checks the outside of a model file of any kind and returns its header and its payload, which is a part of file. The
// errors are [ErrBroken] and [ErrVersion].
func Split(file []byte) (Header, []byte, error) {
	var h Header
	if len(file) < preambleBytes+checkBytes || !bytes.HasPrefix(file, []byte(magic)) {
		return h, nil, fmt.Errorf("%w: it does not begin as one", ErrBroken)
	}
	fixed := file[len(magic):]
	version := binary.LittleEndian.Uint32(fixed)
	headerBytes, payloadBytes := uint64(binary.LittleEndian.Uint32(fixed[4:])), binary.LittleEndian.Uint64(fixed[8:])
	if version != formatVersion {
		return h, nil, fmt.Errorf("%w: %d, known is %d", ErrVersion, version, formatVersion)
	}
	room := uint64(len(file) - preambleBytes - checkBytes)
	if headerBytes > min(room, maxHeaderBytes) || payloadBytes != room-headerBytes {
		return h, nil, fmt.Errorf("%w: it says %d + %d bytes and has %d", ErrBroken, headerBytes, payloadBytes, room)
	}
	body, check := file[:len(file)-checkBytes], binary.LittleEndian.Uint32(file[len(file)-checkBytes:])
	if sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)); sum != check {
		return h, nil, fmt.Errorf("%w: its checksum is %08x, it says %08x", ErrBroken, sum, check)
	}
	text := body[preambleBytes : uint64(preambleBytes)+headerBytes]
	if err := json.Unmarshal(text, &h); err != nil {
		return Header{}, nil, fmt.Errorf("%w: decode header: %w", ErrBroken, err)
	}
	return h, body[uint64(preambleBytes)+headerBytes:], nil
}
