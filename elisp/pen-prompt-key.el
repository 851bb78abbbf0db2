;;; pen-prompt-key.el --- Complete the keys of a prompt definition -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The service hands out the JSON Schema of definition files.  Where point is in
;; the file, by indentation and braces, says which of its keys may stand there.

;;; Code:

(require 'json)
(require 'seq)
(require 'subr-x)
(require 'pen-rpc)
(require 'pen-rpc-methods)

;;;; Internal variables

(defvar pen-prompt-key--schema nil
  "The schema of definition files, nil as long as the service has not said.")

(defconst pen-prompt-key--key "\\([^][{}:,#\"'\n\t ][^][{}:,#\n]*?\\)[ \t]*:\\(?:[ \t]\\|$\\)"
  "What a key with its colon looks like; the first group is the key.")

(defvar pen-prompt-key--syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?\" "\"" table)
    (modify-syntax-entry ?\( "." table)
    (modify-syntax-entry ?\) "." table)
    table)
  "Syntax in which braces and brackets are told from those in strings.")

;;;; Functions: the schema

(defun pen-prompt-key-fetch ()
  "Ask the service for the schema, unless it has said; do not wait."
  (unless pen-prompt-key--schema
    (pen-rpc-prompts-schema
     :then (lambda (text)
             (setq pen-prompt-key--schema
                   (let ((json-object-type 'alist) (json-array-type 'list)
                         (json-key-type 'string))
                     (json-read-from-string text))))
     :else #'ignore)))

(defun pen-prompt-key--get (node key)
  "Return the value of KEY in NODE, a JSON object."
  (cdr (assoc key node)))

(defun pen-prompt-key--root ()
  "Return the schema of the kind of file in this buffer."
  (let ((definitions (pen-prompt-key--get pen-prompt-key--schema "$defs")))
    (save-excursion
      (save-restriction
        (widen)
        (goto-char (point-min))
        (pen-prompt-key--get
         definitions
         (cond ((save-excursion (re-search-forward "^kind:[ \t]*dataset" nil t)) "Dataset")
               ((or (re-search-forward "^pen:" nil t) (= (buffer-size) 0)) "Prompt")
               ((string-suffix-p ".prompt" (or buffer-file-name "")) "Older")
               (t "Prompt")))))))

(defun pen-prompt-key--forms (node)
  "Return NODE and all that it stands for: what it refers to, and its alternatives."
  (when node
    (let ((reference (pen-prompt-key--get node "$ref")))
      (append (list node)
              (and reference
                   (pen-prompt-key--forms
                    (pen-prompt-key--get (pen-prompt-key--get pen-prompt-key--schema "$defs")
                                         (string-remove-prefix "#/$defs/" reference))))
              (mapcan (lambda (key)
                        (mapcan #'pen-prompt-key--forms
                                (copy-sequence (pen-prompt-key--get node key))))
                      '("anyOf" "oneOf" "allOf"))
              (pen-prompt-key--forms (pen-prompt-key--object (pen-prompt-key--get node "items")))))))

(defun pen-prompt-key--object (node)
  "Return NODE if it is a JSON object, else nil: true and false are schemas, too."
  (and (consp node) node))

(defun pen-prompt-key--at (path)
  "Return the forms of the schema at PATH, a list of keys from the outermost."
  (let ((forms (pen-prompt-key--forms (pen-prompt-key--root))))
    (dolist (key path)
      (setq forms
            (mapcan
             (lambda (form)
               (pen-prompt-key--forms
                (or (pen-prompt-key--object
                     (pen-prompt-key--get (pen-prompt-key--get form "properties") key))
                    (pen-prompt-key--object
                     (pen-prompt-key--get form "additionalProperties")))))
             forms)))
    forms))

(defun pen-prompt-key-names (path)
  "Return the keys that may stand at PATH, each with its description."
  (let (names)
    (dolist (form (pen-prompt-key--at path))
      (pcase-dolist (`(,key . ,value) (pen-prompt-key--get form "properties"))
        (push (cons key (or (pen-prompt-key--get (pen-prompt-key--object value) "description")
                            ""))
              names))
      (dolist (key (pen-prompt-key--get (pen-prompt-key--get form "propertyNames") "enum"))
        (push (cons key "") names)))
    (seq-uniq (nreverse names) (lambda (one other) (equal (car one) (car other))))))

(defun pen-prompt-key-values (path)
  "Return the words that the value at PATH may be."
  (seq-uniq
   (mapcan (lambda (form)
             (append (seq-filter #'stringp (pen-prompt-key--get form "enum"))
                     (and (equal (pen-prompt-key--get form "type") "boolean")
                          (list "on" "off"))))
           (pen-prompt-key--at path))))

;;;; Functions: where point is

(defun pen-prompt-key-path ()
  "Return the keys above point, from the outermost; point stands in a key or value."
  (save-excursion
    (let (path place)
      (while (setq place (pen-prompt-key--up))
        (push place path))
      path)))

(defun pen-prompt-key--up ()
  "Go to the key that point is under and return it, or nil at the top."
  (let ((open (nth 1 (pen-prompt-key--syntax))))
    (if (not open)
        (pen-prompt-key--outer)
      (goto-char open)
      (pen-prompt-key--of-bracket))))

(defun pen-prompt-key--syntax ()
  "Return the state of the parser at point, of this line and those it continues."
  (let ((place (point)))
    (save-excursion
      (forward-line 0)
      (while (and (not (bobp)) (not (looking-at-p "[^ \t\n#]")))
        (forward-line -1))
      (with-syntax-table pen-prompt-key--syntax-table
        (parse-partial-sexp (point) place)))))

(defun pen-prompt-key--of-bracket ()
  "Return the key whose value begins with the bracket at point, and go to it.
Without one, it is a list's item: return the key of the list."
  (let ((key (pen-prompt-key--before (point))))
    (cond (key (goto-char (cdr key)) (car key))
          ((nth 1 (pen-prompt-key--syntax)) (pen-prompt-key--up))
          (t (pen-prompt-key--outer)))))

(defun pen-prompt-key--outer ()
  "Go up to the next key that is indented less than point, and return it."
  (let ((column (pen-prompt-key--column)) found)
    (while (and (not found) (zerop (forward-line -1)))
      (when (and (looking-at "[ \t]*\\(?:- +\\)*")
                 (save-excursion (goto-char (match-end 0))
                                 (and (< (current-column) column)
                                      (looking-at pen-prompt-key--key))))
        (goto-char (match-beginning 1))
        (setq found (match-string-no-properties 1))))
    found))

(defun pen-prompt-key--column ()
  "Return the column of this line's key or item, that of point at most."
  (let ((place (point)))
    (save-excursion
      (forward-line 0)
      (looking-at "[ \t]*\\(?:- +\\)*")
      (goto-char (min place (match-end 0)))
      (current-column))))

;;;; Functions: completion at point

(defun pen-prompt-key-complete ()
  "Complete the key or the word at point, for `completion-at-point-functions'."
  (when pen-prompt-key--schema
    (let* ((end (point))
           (start (save-excursion (skip-chars-backward "a-z0-9-") (point)))
           (key (pen-prompt-key--before start))
           (names (if key
                      (mapcar #'list (pen-prompt-key-values
                                      (append (save-excursion (goto-char (cdr key))
                                                              (pen-prompt-key-path))
                                              (list (car key)))))
                    (pen-prompt-key-names (save-excursion (goto-char start)
                                                          (pen-prompt-key-path))))))
      (when names
        (list start end names
              :exclusive 'no
              :annotation-function (lambda (name) (concat "  " (cdr (assoc name names))))
              :exit-function (lambda (_ status)
                               (when (and (not key) (eq status 'finished)
                                          (not (looking-at-p "[ \t]*:")))
                                 (insert ": "))))))))

(defun pen-prompt-key--before (start)
  "Return (KEY . PLACE) if a value of KEY begins at START, else nil."
  (save-excursion
    (goto-char start)
    (let ((end (point)) found)
      (forward-line 0)
      (looking-at "[ \t]*\\(?:- +\\)*")
      (goto-char (min end (match-end 0)))
      (while (re-search-forward pen-prompt-key--key end t)
        (when (string-match-p "\\`[ \t]*\\'" (buffer-substring (match-end 0) end))
          (setq found (cons (match-string-no-properties 1) (match-beginning 1)))))
      found)))

(provide 'pen-prompt-key)
;;; pen-prompt-key.el ends here
