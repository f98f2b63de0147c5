/*
 * start_data.h - the data that every process writes at its start, however little it does, lies together.
 *
 * Each page that is written to costs microseconds and 4 KiB, which is what the start of a small program is
 * made of. What is marked goes into .data, whose page the dynamic linker writes to anyway, and not among
 * tables that few processes ever touch.
 */
#ifndef HAKMEM_LIB_BASE_START_DATA_H
#define HAKMEM_LIB_BASE_START_DATA_H

#define HK_EARLY __attribute__((section(".data.hk_early")))

#endif
