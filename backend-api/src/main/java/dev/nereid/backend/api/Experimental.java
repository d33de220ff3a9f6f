package dev.nereid.backend.api;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks a part of the contract that may still change in a minor version, unlike all others. A backend may use it; it should
 * then be built and tested anew with each server that it is to run on.
 */
@Documented
@Retention(RetentionPolicy.CLASS)
@Target({ElementType.TYPE, ElementType.METHOD})
public @interface Experimental {
    /** Returns the version of the contract that the part came with. */
    String since();
}
