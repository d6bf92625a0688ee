#include "textflag.h"

// Sixteen bytes at a time with SSE2, which every amd64 has. What is left at the
// end is looked at together with bytes before it that were found good already.

#define BYTES(NAME, WORD) \
	DATA NAME<>+0(SB)/8, WORD; \
	DATA NAME<>+8(SB)/8, WORD; \
	GLOBL NAME<>(SB), RODATA|NOPTR, $16

BYTES(lower, $0x2020202020202020)
BYTES(beforeA, $0x6060606060606060)
BYTES(afterZ, $0x7b7b7b7b7b7b7b7b)
BYTES(before0, $0x2f2f2f2f2f2f2f2f)
BYTES(after9, $0x3a3a3a3a3a3a3a3a)
BYTES(dash, $0x2d2d2d2d2d2d2d2d)
BYTES(control, $0x1f1f1f1f1f1f1f1f)
BYTES(delete, $0x7f7f7f7f7f7f7f7f)
BYTES(newline, $0x0a0a0a0a0a0a0a0a)
BYTES(return, $0x0d0d0d0d0d0d0d0d)

// NAMES sets the bits of AX for the bytes of X0 that are no letter, digit or '-'.
#define NAMES \
	MOVOA X0, X1; POR lower<>(SB), X1; \
	MOVOA afterZ<>(SB), X2; PCMPGTB X1, X2; \
	PCMPGTB beforeA<>(SB), X1; PAND X2, X1; \
	MOVOA after9<>(SB), X2; PCMPGTB X0, X2; \
	MOVOA X0, X3; PCMPGTB before0<>(SB), X3; PAND X3, X2; \
	PCMPEQB dash<>(SB), X0; \
	POR X2, X1; POR X1, X0; \
	PMOVMSKB X0, AX; XORL $0xffff, AX

// CONTROLS sets the bits of AX for the bytes of X0 that are controls, the tab included.
#define CONTROLS \
	MOVOA X0, X1; PMINUB control<>(SB), X1; PCMPEQB X0, X1; \
	PCMPEQB delete<>(SB), X0; POR X1, X0; PMOVMSKB X0, AX

// func textLength(p *byte, n int) int
TEXT ·textLength(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	XORL DX, DX
	CMPQ CX, $16
	JLT short
	LEAQ -16(CX), BX
loop:
	MOVOU (SI)(DX*1), X0
	CONTROLS
	TESTL AX, AX
	JNE found
	ADDQ $16, DX
	CMPQ DX, BX
	JLE loop
	CMPQ DX, CX
	JGE none
	MOVQ BX, DX
	MOVOU (SI)(DX*1), X0
	CONTROLS
	TESTL AX, AX
	JNE found
none:
	MOVQ CX, ret+16(FP)
	RET
found:
	BSFL AX, AX
	ADDQ AX, DX
	MOVQ DX, ret+16(FP)
	RET
short:
	// Loaded from their start, or up to their end if sixteen bytes would reach
	// into another page.
	TESTQ CX, CX
	JLE none
	MOVL SI, BX
	ANDL $0xfff, BX
	CMPL BX, $0xff0
	JGT back
	MOVOU (SI), X0
	CONTROLS
	JMP few
back:
	MOVOU -16(SI)(CX*1), X0
	CONTROLS
	NEGQ CX
	ADDQ $16, CX
	SHRL CX, AX
	MOVQ n+8(FP), CX
few:
	TESTL AX, AX
	JE none
	BSFL AX, AX
	CMPQ AX, CX
	JGE none
	MOVQ AX, ret+16(FP)
	RET

// func lineBreak(p *byte, n int) int
TEXT ·lineBreak(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	XORL DX, DX
	LEAQ -17(CX), BX
	MOVOA newline<>(SB), X2
	MOVOA return<>(SB), X3
loop:
	CMPQ DX, BX
	JGT last
	MOVOU (SI)(DX*1), X0
	MOVOU 1(SI)(DX*1), X1
	PCMPEQB X2, X0
	PCMPEQB X3, X1
	PAND X1, X0
	PMOVMSKB X0, AX
	TESTL AX, AX
	JNE found
	ADDQ $16, DX
	JMP loop
found:
	BSFL AX, AX
	ADDQ AX, DX
	MOVQ DX, ret+16(FP)
	RET
last:
	CMPQ CX, $17
	JLT few
	// Once more the last sixteen pairs: what was seen of them was no match.
	MOVQ BX, DX
	MOVOU (SI)(DX*1), X0
	MOVOU 1(SI)(DX*1), X1
	PCMPEQB X2, X0
	PCMPEQB X3, X1
	PAND X1, X0
	PMOVMSKB X0, AX
	TESTL AX, AX
	JNE found
	JMP none
few:
	DECQ CX
tail:
	CMPQ DX, CX
	JGE none
	CMPW (SI)(DX*1), $0x0d0a
	JEQ here
	INCQ DX
	JMP tail
none:
	MOVQ n+8(FP), CX
	MOVQ CX, ret+16(FP)
	RET
here:
	MOVQ DX, ret+16(FP)
	RET

// func usualLine(p *byte, n int) (name, value, end int)
TEXT ·usualLine(SB), NOSPLIT, $0-40
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	XORL DX, DX
	LEAQ -16(CX), BX
names:
	CMPQ DX, BX
	JGT other
	MOVOU (SI)(DX*1), X0
	NAMES
	TESTL AX, AX
	JNE colon
	ADDQ $16, DX
	JMP names
colon:
	BSFL AX, AX
	ADDQ AX, DX
	JEQ other
	CMPB (SI)(DX*1), $':'
	JNE other
	MOVQ DX, name+16(FP)
	DECQ CX
	INCQ DX
	CMPQ DX, CX
	JGE other
	CMPB (SI)(DX*1), $' '
	JNE begins
	INCQ DX
	CMPB (SI)(DX*1), $' '
	JEQ other
begins:
	MOVQ DX, value+24(FP)
values:
	CMPQ DX, BX
	JGT last
	MOVOU (SI)(DX*1), X0
	CONTROLS
	TESTL AX, AX
	JNE ends
	ADDQ $16, DX
	JMP values
last:
	// Fewer than sixteen bytes: with those before them, which are not of this value.
	MOVOU (SI)(BX*1), X0
	CONTROLS
	MOVQ DX, CX
	SUBQ BX, CX
	CMPQ CX, $16
	JGE other
	SHRL CX, AX
	TESTL AX, AX
	JEQ other
ends:
	BSFL AX, AX
	ADDQ AX, DX
	MOVQ n+8(FP), CX
	DECQ CX
	CMPQ DX, CX
	JGE other
	CMPW (SI)(DX*1), $0x0a0d
	JNE other
	MOVQ DX, end+32(FP)
	RET
other:
	MOVQ $-1, end+32(FP)
	RET
