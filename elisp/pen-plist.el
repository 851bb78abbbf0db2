;;; pen-plist.el --- Parts of property lists -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; What is asked travels as a plist from the command to the wire.  These return
;; a new one and leave the old one alone.

;;; Code:

(require 'cl-lib)

(defun pen-plist-given (plist)
  "Return PLIST without the keys whose value is nil."
  (cl-loop for (key value) on plist by #'cddr
           when value append (list key value)))

(defun pen-plist-only (plist keys)
  "Return those of KEYS that PLIST has, with their values, in that order."
  (cl-loop for key in keys
           when (plist-member plist key) append (list key (plist-get plist key))))

(defun pen-plist-without (plist keys)
  "Return PLIST without KEYS."
  (cl-loop for (key value) on plist by #'cddr
           unless (memq key keys) append (list key value)))

(defun pen-plist-with (plist fields)
  "Return PLIST with the plist FIELDS laid over it."
  (let ((new (copy-sequence plist)))
    (cl-loop for (key value) on fields by #'cddr
             do (setq new (plist-put new key value)))
    new))

(provide 'pen-plist)
;;; pen-plist.el ends here
