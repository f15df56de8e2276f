/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a guest's properties are spelled for the person who defined it. A sentence that advises to change a property uses
 * these words: for a guest of the command line the property "kernel" is "-kernel".
 */
#ifndef GUEST_WORDS_H
#define GUEST_WORDS_H

struct guest_words {
	/* A property each. */
	const char *machine, *memory, *vcpus, *kernel, *initrd, *cmdline, *bios, *bootloader, *serial, *xenstore;
	/* The usual way to define a disk, and all of them; a card likewise. */
	const char *drive, *drives, *card, *cards;
	const char *sandbox;  /* that the process is confined: "-sandbox on" */
	const char *disk;     /* an example of a disk: "-hda disk.img" */
	const char *examples; /* where more examples are, behind a sentence; "": nowhere */
	const char *network;  /* what a network is defined by, with its id behind: ", as in -netdev user,id=" */
	const char *networks; /* where networks are defined, after "name one that": "-netdev or -nic defines" */
	const char *dump;     /* what a dump is, with its id behind: "-object filter-dump,id=" */
};

/* The names of the nodes and their properties. */
extern const struct guest_words guest_plain_words;

#endif
