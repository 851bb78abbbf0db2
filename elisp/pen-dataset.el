;;; pen-dataset.el --- Look at a training set before anything is spent -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The service builds a training set and returns a plan: what was found, the
;; statistics, and the first rows with the weight of each of their segments.
;; The buffer *pen-dataset* shows it.  `pen-dataset-region' and
;; `pen-dataset-file' only look; pen-finetune.el adds the launch.

;;; Code:

(require 'cl-lib)
(require 'seq)
(require 'subr-x)
(require 'pen-rpc)
(require 'pen-rpc-methods)
(require 'pen-stream)
(require 'pen-prompt)
(require 'pen-read)
(require 'pen-source)

;;;; Faces

(defface pen-weight-none '((t :inherit shadow))
  "Segments of a training row with weight 0: read, never learned."
  :group 'pen)

(defface pen-weight-part '((t :inherit font-lock-string-face))
  "Segments of a training row that count for less than the heaviest one."
  :group 'pen)

(defface pen-weight-full '((t :inherit bold))
  "Segments of a training row that count most."
  :group 'pen)

(defface pen-finding-error '((t :inherit error))
  "Findings because of which a training set cannot be used."
  :group 'pen)

(defface pen-finding-warning '((t :inherit warning))
  "Findings to look at before training."
  :group 'pen)

;;;; Keymaps

(defvar pen-dataset-mode-map
  (let ((map (make-sparse-keymap)))
    (define-key map (kbd "RET") #'pen-dataset-visit)
    (define-key map (kbd "TAB") #'pen-dataset-toggle-row)
    (define-key map (kbd "n") #'pen-dataset-next-finding)
    (define-key map (kbd "p") #'pen-dataset-previous-finding)
    (define-key map (kbd "C-c C-o") #'pen-dataset-set-option)
    (define-key map (kbd "C-c C-c") #'pen-dataset-launch)
    (define-key map (kbd "C-c C-k") #'pen-dataset-abort)
    map)
  "Keys of *pen-dataset*.")

;;;; Internal variables

(defconst pen-dataset-options
  '((:prompt string) (:model string) (:n-epochs integer) (:batch-size integer)
    (:learning-rate-multiplier number) (:seed integer) (:valid-share number))
  "What a plan can be asked with, and the types.")

(defvar-local pen-dataset--source nil "Where the records shown come from.")
(defvar-local pen-dataset--arguments nil "What the plan was asked with, a plist.")
(defvar-local pen-dataset--plan nil "The plan shown.")
(defvar-local pen-dataset--stream nil "The running request for a plan.")
(defvar-local pen-dataset--expanded nil "Numbers of the rows shown whole.")
(defvar-local pen-dataset--launch nil
  "Function that launches the plan shown: it gets the plan and its arguments.")
(defvar-local pen-dataset--options nil
  "Options, as in `pen-dataset-options', that can be set here.")

;;;; Functions: asking

(defun pen-dataset-request (source arguments)
  "Return the arguments of the method datasets-plan for SOURCE and ARGUMENTS."
  (append (pen-source-request source)
          (cl-loop for (key value) on arguments by #'cddr
                   when (and value (assq key pen-dataset-options))
                   append (list key value))))

(defun pen-dataset-show (source arguments &optional launch options)
  "Ask for a plan for SOURCE and ARGUMENTS and show it in *pen-dataset*.
LAUNCH is called with the plan and the arguments to train on it,
OPTIONS are those that can be set in the buffer."
  (let ((buffer (get-buffer-create "*pen-dataset*")))
    (with-current-buffer buffer
      (pen-dataset-mode)
      (setq pen-dataset--source source
            pen-dataset--arguments arguments
            pen-dataset--launch launch
            pen-dataset--options (or options pen-dataset-options))
      (pen-dataset-ask))
    (pop-to-buffer buffer)))

(defun pen-dataset-ask ()
  "Ask for the plan of this buffer; its arguments may have changed."
  (when pen-dataset--stream
    (pen-stream-cancel pen-dataset--stream))
  (setq pen-dataset--plan nil)
  (pen-dataset--say "Building the training set…")
  (setq pen-dataset--stream
        (pen-stream-start
         #'pen-rpc-datasets-plan
         (pen-dataset-request pen-dataset--source pen-dataset--arguments)
         (pen-rpc-in-buffer (current-buffer) #'pen-dataset--event))))

(defun pen-dataset--event (kind plist)
  "Show the event KIND with PLIST of the request for a plan."
  (pcase kind
    ('progress (when (plist-get plist :done)
                 (pen-dataset--say "Building the training set… %s%s %s"
                                   (plist-get plist :done)
                                   (if-let ((total (plist-get plist :total)))
                                       (format " of %s" total) "")
                                   (or (plist-get plist :unit) ""))))
    ('done (setq pen-dataset--plan (plist-get plist :value))
           (pen-dataset--draw)
           (goto-char (point-min)))
    ('error (pen-dataset--say "%s\n\nC-c C-o changes an option, g asks again, q leaves."
                              (pen-stream-sentence plist))
            (pen-stream-report plist))))

;;;; Functions: drawing

(defun pen-dataset--say (format &rest args)
  "Show only what FORMAT and ARGS say."
  (let ((inhibit-read-only t))
    (erase-buffer)
    (insert (apply #'format format args) "\n")))

(defun pen-dataset--draw ()
  "Draw the plan of this buffer."
  (let ((inhibit-read-only t)
        (plan pen-dataset--plan))
    (erase-buffer)
    (insert (propertize (pen-dataset--wrap (plist-get plan :summary)) 'face 'bold)
            "\n")
    (pen-dataset--insert-options)
    (insert "\n" (string-trim-right (plist-get plan :table) "\n+") "\n\n")
    (mapc #'pen-dataset--insert-finding (plist-get plan :findings))
    (when (plist-get plan :findings)
      (insert "\n"))
    (pen-dataset--insert-legend)
    (cl-loop for row in (plist-get plan :rows)
             for number from 1
             do (pen-dataset--insert-row number row))
    (let ((hidden (- (plist-get plan :records) (length (plist-get plan :rows)))))
      (when (> hidden 0)
        (insert (propertize (format "… and %d more in %s\n" hidden
                                    (abbreviate-file-name
                                     (plist-get plan :directory)))
                            'face 'shadow))))
    (setq header-line-format (pen-dataset--keys))))

(defun pen-dataset--keys ()
  "Return the line that names the keys; it stands above whatever is scrolled to."
  (concat (and pen-dataset--launch "C-c C-c launch  ")
          "C-c C-o options  RET source  TAB whole row  n/p findings  g again  q quit"))

(defun pen-dataset--insert-options ()
  "Insert the options that are not left to the definition."
  (let ((given (cl-loop for (key value) on pen-dataset--arguments by #'cddr
                        when (and value (assq key pen-dataset--options))
                        collect (format "%s %s" (substring (symbol-name key) 1) value))))
    (when given
      (insert (propertize (concat "with " (string-join given ", ")) 'face 'shadow)
              "\n"))))

(defun pen-dataset--insert-finding (finding)
  "Insert FINDING, which carries its place."
  (let ((where (plist-get finding :where))
        (hint (plist-get finding :hint)))
    (insert (propertize
             (concat (if (equal "note" (format "%s" (plist-get finding :level)))
                         "- " "! ")
                     (plist-get finding :message)
                     (and where (format " (%s)" (pen-source-place pen-dataset--source where)))
                     (and hint (concat "; " hint))
                     "\n")
             'face (pcase (format "%s" (plist-get finding :level))
                     ("error" 'pen-finding-error)
                     ("warning" 'pen-finding-warning)
                     (_ 'shadow))
             'pen-finding t
             'pen-where where))))

(defun pen-dataset--insert-legend ()
  "Insert what the faces of the rows mean."
  (when (plist-get pen-dataset--plan :rows)
    (insert (propertize "weights: " 'face 'shadow)
            (propertize "none" 'face 'pen-weight-none) " "
            (propertize "part" 'face 'pen-weight-part) " "
            (propertize "full" 'face 'pen-weight-full)
            (propertize "    ↵ is a line break\n" 'face 'shadow))))

(defun pen-dataset--insert-row (number row)
  "Insert ROW, which has NUMBER."
  (let* ((segments (plist-get row :segments))
         (heaviest (apply #'max 0 (mapcar (lambda (each) (plist-get each :weight))
                                          segments)))
         (texts (mapcar (lambda (each) (pen-dataset--segment each heaviest)) segments))
         (side (format "%s" (plist-get row :side)))
         (weights (mapconcat (lambda (each) (format "%g" (plist-get each :weight)))
                             segments "/"))
         (where (pen-source-place pen-dataset--source (plist-get row :where)))
         (head (format "%-3d %s" number
                       (if (equal side "train") "" (concat side " "))))
         (tail (format "  w %s  %s" weights where))
         (width (- (pen-dataset--width) (length head) (length tail))))
    (insert (propertize
             (concat head (pen-dataset--fit texts width)
                     (propertize tail 'face 'shadow) "\n"
                     (and (memq number pen-dataset--expanded)
                          (pen-dataset--whole texts)))
             'pen-row number
             'pen-where (plist-get row :where)))))

(defun pen-dataset--segment (segment heaviest)
  "Return the text of SEGMENT with the face of its weight beside HEAVIEST."
  (let ((weight (plist-get segment :weight)))
    (propertize (plist-get segment :text)
                'face (cond ((<= weight 0) 'pen-weight-none)
                            ((< weight heaviest) 'pen-weight-part)
                            (t 'pen-weight-full))
                'help-echo (format "weight %g, %s tokens" weight
                                   (plist-get segment :tokens)))))

(defun pen-dataset--one-line (text)
  "Return TEXT with its line breaks made visible, its face kept."
  (replace-regexp-in-string "\n" "↵" text t t))

(defun pen-dataset--fit (texts width)
  "Return TEXTS in one line of WIDTH columns, something of each of them."
  (let ((left (max 20 width))
        (lines (mapcar #'pen-dataset--one-line texts))
        (shown ""))
    (while lines
      (let* ((others (apply #'+ (mapcar #'string-width (cdr lines))))
             (share (max (/ left (length lines)) (- left others (length (cdr lines)))))
             (text (truncate-string-to-width (pop lines) share nil nil "…")))
        (setq shown (concat shown text
                            (and lines (propertize "│" 'face 'shadow)))
              left (- left (string-width text) 1))))
    (truncate-string-to-width shown (max 20 width) nil ?\s)))

(defun pen-dataset--wrap (summary)
  "Return SUMMARY in lines that fit, broken at its gaps."
  (let ((lines (list nil)))
    (dolist (part (split-string summary "   +" t))
      (if (and (car lines)
               (> (+ (string-width (car lines)) (string-width part) 4)
                  (pen-dataset--width)))
          (push part lines)
        (setcar lines (concat (car lines) (and (car lines) "    ") part))))
    (string-join (nreverse lines) "\n")))

(defun pen-dataset--whole (texts)
  "Return TEXTS joined, indented, every line of them."
  (concat "    " (replace-regexp-in-string "\n" "\n    " (string-join texts) t t)
          "\n"))

(defun pen-dataset--width ()
  "Return how wide a row may be."
  (if-let ((window (get-buffer-window (current-buffer) t)))
      (1- (window-body-width window))
    79))

;;;; Commands

(define-derived-mode pen-dataset-mode special-mode "Pen-Dataset"
  "Mode of *pen-dataset*, where a training set is looked at before it is used.

\\{pen-dataset-mode-map}"
  :interactive nil
  (setq truncate-lines t)
  (setq-local revert-buffer-function (lambda (&rest _) (pen-dataset-ask)))
  (add-hook 'kill-buffer-hook #'pen-dataset--stop nil t))

(defun pen-dataset--stop ()
  "Stop asking for the plan."
  (when pen-dataset--stream
    (pen-stream-cancel pen-dataset--stream)))

;;;###autoload
(defun pen-dataset-region (beg end &rest options)
  "Show the training set made from the text from BEG to END.
From Lisp, OPTIONS are the keys of `pen-dataset-options', and the
value is the plan."
  (interactive (append (pen-source-read-region) '(:show t)))
  (pen-dataset--look (pen-source-region beg end) options))

;;;###autoload
(defun pen-dataset-file (file &rest options)
  "Show the training set made from FILE.
From Lisp, OPTIONS are the keys of `pen-dataset-options', and the
value is the plan."
  (interactive (list (read-file-name "Training set from file: " nil nil t) :show t))
  (pen-dataset--look (pen-source-file file) options))

(defun pen-dataset--look (source options)
  "Wait for the plan for SOURCE and OPTIONS; with :show t, show it instead."
  (let ((arguments (pen-dataset-arguments options)))
    (if (plist-get options :show)
        (pen-dataset-show source arguments)
      (pen-dataset-plan source arguments))))

(defun pen-dataset-arguments (options)
  "Return OPTIONS with a prompt."
  (if (plist-get options :prompt)
      options
    (append (list :prompt pen-pun-prompt) options)))

(defun pen-dataset-plan (source arguments &optional function)
  "Return the plan for SOURCE and ARGUMENTS; wait for it.
FUNCTION gets the events meanwhile."
  (pen-stream-wait #'pen-rpc-datasets-plan
                   (pen-dataset-request source arguments) 600 function))

(defun pen-dataset-visit ()
  "Go to where the row or finding at point comes from."
  (interactive)
  (pen-source-visit pen-dataset--source
                    (or (get-text-property (point) 'pen-where)
                        (user-error "Nothing on this line has a source"))))

(defun pen-dataset-toggle-row ()
  "Show the row at point whole, or in one line again."
  (interactive)
  (let ((number (or (get-text-property (point) 'pen-row)
                    (user-error "There is no row on this line"))))
    (setq pen-dataset--expanded (if (memq number pen-dataset--expanded)
                                    (remq number pen-dataset--expanded)
                                  (cons number pen-dataset--expanded)))
    (pen-dataset--draw)
    (goto-char (text-property-any (point-min) (point-max) 'pen-row number))))

(defun pen-dataset-next-finding ()
  "Go to the next finding."
  (interactive)
  (pen-dataset--to-finding 1))

(defun pen-dataset-previous-finding ()
  "Go to the previous finding."
  (interactive)
  (pen-dataset--to-finding -1))

(defun pen-dataset--to-finding (step)
  "Move by lines of STEP until there is a finding."
  (let ((found (save-excursion
                 (cl-loop while (and (zerop (forward-line step)) (not (eobp)))
                          when (get-text-property (point) 'pen-finding)
                          return (point)))))
    (goto-char (or found (user-error "No more findings")))))

(defun pen-dataset-set-option ()
  "Set an option and ask for the plan again."
  (interactive)
  (let* ((options pen-dataset--options)
         (name (completing-read "Option: " (mapcar #'pen-dataset--option-name options)
                                nil t))
         (option (seq-find (lambda (each) (equal name (pen-dataset--option-name each)))
                           options)))
    (when option
      (setq pen-dataset--arguments
            (plist-put pen-dataset--arguments (car option)
                       (pen-dataset--read-option option)))
      (pen-dataset-ask))))

(defun pen-dataset--option-name (option)
  "Return the name of OPTION, as people see it."
  (substring (symbol-name (car option)) 1))

(defun pen-dataset--read-option (option)
  "Ask for the value of OPTION; nil if nothing is typed."
  (pcase (car option)
    (:prompt (pen-read-prompt-name pen-pun-prompt))
    (:model (pen-read-model))
    (_ (pen-dataset-option-value
        option
        (let ((prompt (format "%s (empty: as the definition says): "
                              (pen-dataset--option-name option))))
          (if (consp (cadr option))
              (completing-read prompt (cadr option) nil t)
            (read-string prompt)))))))

(defun pen-dataset-option-value (option text)
  "Return TEXT as the value of OPTION; nil if it is empty."
  (let ((name (pen-dataset--option-name option)))
    (pcase (and (not (string-blank-p text)) (cadr option))
      ('nil nil)
      ('integer (if (string-match-p "\\`[0-9]+\\'" text)
                    (string-to-number text)
                  (user-error "%s takes a whole number, not \"%s\"" name text)))
      ('number (if (string-match-p "\\`[0-9]*\\.?[0-9]+\\(e-?[0-9]+\\)?\\'" text)
                   (string-to-number text)
                 (user-error "%s takes a number, not \"%s\"" name text)))
      ('string text)
      (choices (or (seq-find (lambda (each) (equal text (symbol-name each))) choices)
                   (user-error "%s is one of %s, not \"%s\"" name
                               (mapconcat #'symbol-name choices ", ") text))))))

(defun pen-dataset-launch ()
  "Train on the training set of this buffer."
  (interactive)
  (unless pen-dataset--launch
    (user-error "This preview only looks; M-x pen-finetune-region trains"))
  (unless pen-dataset--plan
    (user-error "The training set is not ready yet"))
  (funcall pen-dataset--launch pen-dataset--plan pen-dataset--arguments))

(defun pen-dataset-abort ()
  "Stop building the training set and leave."
  (interactive)
  (pen-dataset--stop)
  (quit-window))

(provide 'pen-dataset)
;;; pen-dataset.el ends here
