//go:build amd64 && !purego

#include "textflag.h"

// func squaredDistancesAVX2(query, table *byte, stride int, nodes *uint64, out *uint32, n int, below uint32) bool
//
// Of 32 codes at a time: the differences without their signs, as bytes; widened to words, of which pairs are squared and
// added up to double words. The vector of the next node is fetched into the cache meanwhile.
TEXT ·squaredDistancesAVX2(SB), NOSPLIT, $0-57
	MOVQ  query+0(FP), SI
	MOVQ  table+8(FP), DI
	MOVQ  stride+16(FP), CX
	MOVQ  nodes+24(FP), R8
	MOVQ  out+32(FP), R9
	MOVQ  n+40(FP), R10
	MOVL  below+48(FP), R11
	VPXOR Y15, Y15, Y15
	MOVL  (R8), DX
	IMULQ CX, DX
	ADDQ  DI, DX

node:
	MOVQ  DX, BX            // this vector
	CMPQ  R10, $1
	JE    first
	MOVL  8(R8), DX
	IMULQ CX, DX
	ADDQ  DI, DX            // the next one

first:
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	XORQ  AX, AX

block:
	VMOVDQU    (SI)(AX*1), Y4
	VMOVDQU    (BX)(AX*1), Y5
	PREFETCHT0 (DX)(AX*1)
	VPSUBUSB   Y5, Y4, Y6
	VPSUBUSB   Y4, Y5, Y7
	VPOR       Y6, Y7, Y6
	VPUNPCKLBW Y15, Y6, Y7
	VPUNPCKHBW Y15, Y6, Y6
	VPMADDWD   Y7, Y7, Y7
	VPMADDWD   Y6, Y6, Y6
	VPADDD     Y7, Y0, Y0
	VPADDD     Y6, Y1, Y1
	ADDQ       $32, AX
	CMPQ       AX, CX
	JLT        block

	VPADDD       Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0x4E, X0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0xB1, X0, X1
	VPADDD       X1, X0, X0
	VMOVD        X0, AX
	MOVL         AX, (R9)
	CMPL         AX, R11
	JCS          nearer
	ADDQ         $8, R8
	ADDQ         $4, R9
	DECQ         R10
	JNZ          node
	VZEROUPPER
	MOVB         $0, ret+56(FP)
	RET

nearer:
	VZEROUPPER
	MOVB $1, ret+56(FP)
	RET
