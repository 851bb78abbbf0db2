;;; pen-dataset-state.el --- What the preview of a training set shows -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The variables of a buffer that shows a plan.  `pen-dataset' asks for them,
;; pen-dataset-view.el draws them, pen-dataset-edit.el and pen-dataset-menu.el
;; change what is asked for next.  Nothing here draws or asks.

;;; Code:

(require 'seq)
(require 'pen-dataset-options)

;;;; Internal variables

(defvar-local pen-dataset--source nil "Where the records shown come from.")
(defvar-local pen-dataset--arguments nil "What the plan is asked with, a plist.")
(defvar-local pen-dataset--plan nil "The plan shown.")
(defvar-local pen-dataset--expanded nil "Numbers of the rows shown whole.")
(defvar-local pen-dataset--launch nil
  "Function that launches the plan shown: it gets the plan and its arguments.")
(defvar-local pen-dataset--options nil
  "Options, as in `pen-dataset-options', that can be set here.")
(defvar-local pen-dataset--edits nil
  "Changes by hand, oldest first.
Plists of :key, which names a record, and :exclude, :side and :texts
as the method datasets-plan has them; :text and :where are for people.")
(defvar-local pen-dataset--asked nil
  "What the plan shown was asked with, as `pen-dataset-question' returns it.")

;;;; Predicates

(defun pen-dataset-question ()
  "Return what decides the training set of this buffer."
  (list (pen-dataset-options-among pen-dataset--arguments pen-dataset-options)
        (copy-sequence pen-dataset--edits)))

(defun pen-dataset-stale-p ()
  "Return non-nil if the plan shown is not what would be built now."
  (not (equal pen-dataset--asked (pen-dataset-question))))

(defun pen-dataset-edit-of (key)
  "Return the change by hand of the record KEY, or nil."
  (seq-find (lambda (each) (equal key (plist-get each :key))) pen-dataset--edits))

(provide 'pen-dataset-state)
;;; pen-dataset-state.el ends here
