;;; pen-read.el --- Ask for a name that the service knows, without waiting -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The minibuffer opens at once; the names to complete over arrive while the
;; person reads the question.

;;; Code:

(require 'seq)
(require 'pen-rpc)
(require 'pen-rpc-methods)

;;;; Internal variables

(defvar pen-read--names (make-hash-table)
  "Kind of a name → alist of the names heard of last, each with a note.")

(defvar pen-read-history nil
  "Names answered before.")

;;;; Functions

(defun pen-read-prompt-name (default)
  "Ask for the name of a prompt definition, DEFAULT if nothing is typed."
  (pen-read--name 'pen-prompt "Prompt definition" default
                  #'pen-rpc-prompts-list :slug
                  (lambda (each) (format "/%s  %s" (plist-get each :arity)
                                         (plist-get each :description)))))

(defun pen-read-model ()
  "Ask for the name of a model; nil if nothing is typed."
  (let ((name (pen-read--name 'pen-model "Model" "the newest tuned"
                              #'pen-rpc-models-list :id
                              (lambda (each) (format "%s" (plist-get each :base))))))
    (and (not (equal name "the newest tuned")) name)))

(defun pen-read-job-id ()
  "Ask for the id of a job."
  (pen-read--name 'pen-job "Job" nil #'pen-rpc-jobs-list :id
                  (lambda (each) (format "%s  %s" (plist-get each :status)
                                         (plist-get each :model)))))

(defun pen-read--name (kind prompt default method key note)
  "Ask for a KIND of name with PROMPT and DEFAULT.
METHOD lists the things, KEY is the field with the name, and NOTE
returns what to say of one of them."
  (funcall method
           :then (lambda (things)
                   (puthash kind
                            (mapcar (lambda (each)
                                      (cons (plist-get each key)
                                            (concat "  " (funcall note each))))
                                    things)
                            pen-read--names))
           :else #'ignore)
  (completing-read (format-prompt prompt default) (pen-read--table kind)
                   nil nil nil 'pen-read-history default))

(defun pen-read--table (kind)
  "Return a completion table over the names of KIND that are known by then."
  (lambda (string predicate action)
    (let ((names (gethash kind pen-read--names)))
      (if (eq action 'metadata)
          `(metadata
            (category . ,kind)
            (annotation-function . ,(lambda (name) (cdr (assoc name names)))))
        (complete-with-action action names string predicate)))))

(provide 'pen-read)
;;; pen-read.el ends here
