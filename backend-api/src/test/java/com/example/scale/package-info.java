/** The backend that the tutorial builds; the code in {@code docs/writing-a-backend.md} is a copy of these files. */
@NullMarked
package com.example.scale;

import org.jspecify.annotations.NullMarked;
